package server

// Role is what a process does in a deployment.
type Role string

// The roles of a process.
const (
	API    Role = "api"    // serves HTTP and runs the queue's maintenance
	Worker Role = "worker" // works on queued tiles
	Dev    Role = "dev"    // both, in one process
)

// serves reports whether a process of this role has the API, and with it the queue's maintenance.
func (r Role) serves() bool { return r == API || r == Dev }

// works reports whether a process of this role works on tiles.
func (r Role) works() bool { return r == Worker || r == Dev }

package resource

import "time"

// Overview describes the system: processes, queues, active multiplications, and where to look further.
type Overview struct {
	Version         string                `json:"version" doc:"Of the API process that responds" pattern:"\\S" maxLength:"100"`
	StartedAt       time.Time             `json:"started_at" doc:"When the API process that responds was started"`
	ObservedAt      time.Time             `json:"observed_at" doc:"When the numbers were read; at most one second ago, unless counting took long"`
	Workers         int64                 `json:"workers" doc:"Processes that compute tiles"`
	Queues          []QueueState          `json:"queues" nullable:"false" maxItems:"2"`
	Multiplications ActiveMultiplications `json:"multiplications" doc:"Those that are not finished"`
	Kernel          *Kernel               `json:"kernel,omitempty" doc:"What computes tiles in the process that responds; absent if it is an API without a worker"`
	Kernels         []Kernels             `json:"kernels" nullable:"false" maxItems:"20" doc:"What the workers compute tiles with, those of most processes first. Workers of a version before this member are not among them"`
	OpsPort         int                   `json:"ops_port,omitempty" minimum:"1" maximum:"65535" doc:"Port of /metrics, /livez and /readyz of the API process that responds"`
	Links           OverviewLinks         `json:"links"`
}

// Kernel describes the code that multiplies matrices in memory, which a process with a worker chooses when it starts.
type Kernel struct {
	Name    string  `json:"name" doc:"built-in, or the name of a BLAS library" pattern:"\\S" maxLength:"100"`
	Version string  `json:"version,omitempty" doc:"Of the library; that of Millrace for the built-in one; absent if the library does not tell" pattern:"\\S" maxLength:"100"`
	Core    string  `json:"core,omitempty" doc:"The instruction set, or the CPU that the library computes for; absent if it does not tell" pattern:"\\S" maxLength:"100"`
	GFLOPS  float64 `json:"gflops" minimum:"0" doc:"GFLOP/s on one core in float64, measured at the start"`
}

// Kernels describes the kernels of the workers that have the same.
type Kernels struct {
	Name    string  `json:"name" doc:"built-in, or the name of a BLAS library" pattern:"\\S" maxLength:"100"`
	Version string  `json:"version,omitempty" doc:"As that of kernel" pattern:"\\S" maxLength:"100"`
	Core    string  `json:"core,omitempty" doc:"As that of kernel" pattern:"\\S" maxLength:"100"`
	Slowest float64 `json:"slowest_gflops" minimum:"0" doc:"GFLOP/s on one core in float64 that the slowest of these workers has measured at its start: it is on a slower CPU than the others, or had to share it"`
	Fastest float64 `json:"fastest_gflops" minimum:"0" doc:"Those of the fastest"`
	Workers int64   `json:"workers" doc:"Processes"`
}

// QueueState counts the tiles of one queue that are to be computed.
type QueueState struct {
	Name     string `json:"name" enum:"small,tiles" doc:"small: multiplications that take less than 10 ms as a whole; tiles: all others"`
	Waiting  int64  `json:"waiting" doc:"Not started"`
	Running  int64  `json:"running"`
	Retrying int64  `json:"retrying" doc:"Failed at least once and waiting for the next attempt"`
	Paused   bool   `json:"paused" doc:"Whether the queue was paused: workers fetch no tiles until it is resumed"`
}

// ActiveMultiplications counts the multiplications that are not finished.
type ActiveMultiplications struct {
	Pending    int64 `json:"pending"`
	InProgress int64 `json:"in_progress"`
}

// OverviewLinks are the paths of pages.
type OverviewLinks struct {
	Docs    string `json:"docs" format:"uri-reference" maxLength:"200"`
	OpenAPI string `json:"openapi" format:"uri-reference" maxLength:"200"`
	RiverUI string `json:"river_ui,omitempty" doc:"Absent if it is turned off" format:"uri-reference" maxLength:"200"`
}

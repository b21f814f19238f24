package apidoc

// The paths of the collections.
const (
	MultiplicationsPath = "/v1/multiplications"
	MatricesPath        = "/v1/matrices"
)

const (
	multiplicationsTag = "multiplications"
	matricesTag        = "matrices"
	overviewTag        = "overview"
)

const (
	mediaNPY       = "application/x-npy"
	mediaJSON      = "application/json"
	mediaMultipart = "multipart/form-data"
	mediaEvents    = "text/event-stream"
	mediaProblem   = "application/problem+json"
)

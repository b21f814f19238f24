// Package example has the examples in the description of the API.
package example

import (
	"encoding/json"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/millrace/millrace/handlers/resource"
	"github.com/millrace/millrace/matrix"
)

// What the examples are about.
const (
	ID      = "01a20a2b-e14e-7d86-921d-a6528b55629e"
	MatrixA = "01a20a2b-e14c-7b09-8bd1-3e2f5a8c1d47"
	MatrixB = "01a20a2b-e14d-70c2-9a35-c07b6e1f2a90"
	MatrixC = "01a20a2b-e14e-7d87-8f60-52d94b1ce3aa"
	Path    = "/v1/multiplications/" + ID
	Cursor  = "AAY3lFD_4EgBogor4U59hpIdplKLVWKe"
	Digest  = "sha-256=:a/JscX+vwCEvzksPcf27NQj0POs+bVx9Ym3ezV7ZGEQ=:"
	Tag     = `"` + MatrixC + `-x-npy"`
)

// Parts of examples.
var (
	Time = time.Date(2026, time.January, 5, 9, 30, 0, 125_000_000, time.UTC)

	ValuesA = [][]int{{1, 2}, {3, 4}}
	ValuesB = [][]int{{5, 6}, {7, 8}}
	ValuesC = [][]int{{19, 22}, {43, 50}}

	Elements = map[string]any{"rows": 2, "cols": 2, "values": ValuesC}
	Random   = map[string]any{"rows": 5000, "cols": 5000, "seed": 1, "dtype": "float64"}
	Simple   = map[string]any{"A": ValuesA, "B": ValuesB}
	Fault    = map[string]any{
		"message":  "unknown query parameter, this operation has none",
		"location": "query.colour",
		"value":    "",
	}
)

// Submission is the body of a submission.
func Submission() map[string]any { //house:ignore any examples are JSON
	return map[string]any{
		"a":        map[string]any{"values": ValuesA},
		"b":        map[string]any{"values": ValuesB},
		"priority": 2,
	}
}

// File returns the example of a .npy file, whose content cannot be shown.
func File() map[string]*huma.Example {
	return map[string]*huma.Example{"file": {
		Summary:     "A file as np.save writes it",
		Description: "`np.save(\"A.npy\", np.array([[1.0, 2.0], [3.0, 4.0]]))`: 128 bytes of header, 32 of elements.",
		Value:       FileValue,
	}}
}

// FileValue is how a file is shown.
const FileValue = "\u0093NUMPY\u0001\u0000v\u0000{'descr': '<f8', 'fortran_order': False, 'shape': (2, 2), } …"

// Matrix is a matrix that was uploaded.
func Matrix() resource.Matrix {
	return resource.Matrix{
		ID:        MatrixA,
		Rows:      2,
		Cols:      2,
		DType:     matrix.Float64,
		State:     "ready",
		Source:    "upload",
		Bytes:     32,
		Digest:    "sha-256:6bf26c717fafc0212fce4b0f71fdbb3508f43ceb3e6d5c7d626ddecd5ed91844",
		CreatedAt: Time,
		ExpiresAt: Time.Add(24 * time.Hour),
	}
}

// Ref is a matrix of a multiplication.
func Ref(id string) resource.MatrixRef {
	return resource.MatrixRef{
		MatrixID: id,
		Rows:     2,
		Cols:     2,
		DType:    matrix.Float64,
	}
}

// Pending is a multiplication right after its submission.
func Pending() resource.Multiplication {
	return resource.Multiplication{
		ID:       ID,
		State:    "pending",
		Priority: 2,
		Shape: resource.Dimensions{
			M: 2,
			K: 2,
			N: 2,
		},
		DType:     matrix.Float64,
		A:         Ref(MatrixA),
		B:         Ref(MatrixB),
		Tiles:     resource.TileCounts{Total: 1},
		Errors:    []resource.TileError{},
		CreatedAt: Time,
		Links: resource.MultiplicationLinks{
			Self:   Path,
			Events: Path + "/events",
			Jobs:   "/riverui/jobs/17",
		},
	}
}

// Outlook is what a multiplication waits for.
func Outlook() resource.Outlook {
	start := Time.Add(30 * time.Second)
	end := Time.Add(45 * time.Second)
	return resource.Outlook{
		TilesAhead:     12,
		EstimatedStart: &start,
		EstimatedEnd:   &end,
	}
}

// Completed is a multiplication that is completed.
func Completed() resource.Multiplication {
	m := Pending()
	m.State = "completed"
	m.Tiles.Completed = 1
	m.Progress = 1
	m.Attempts = 1
	m.StartedAt = new(Time.Add(4 * time.Millisecond))
	m.FinishedAt = new(Time.Add(9 * time.Millisecond))
	m.ExpiresAt = new(m.FinishedAt.Add(24 * time.Hour))
	m.Result = &resource.Result{
		MatrixRef: Ref(MatrixC),
		Href:      Path + "/result",
		Bytes:     32,
		Verified:  true,
	}
	return m
}

// Waited is a multiplication in a response that waited for it.
func Waited() resource.Multiplication {
	m := Completed()
	m.Result.Values = resource.Rows("[[19,22],[43,50]]")
	return m
}

// Cancelled is a multiplication that was cancelled.
func Cancelled() resource.Multiplication {
	m := Pending()
	m.State = "cancelled"
	m.FinishedAt = new(Time.Add(time.Second))
	m.ExpiresAt = new(m.FinishedAt.Add(24 * time.Hour))
	return m
}

// Matrices is a page of matrices.
func Matrices() resource.MatrixList {
	return resource.MatrixList{
		Items:      []resource.Matrix{Matrix()},
		NextCursor: Cursor,
	}
}

// TileGrid are the states of the tiles of a multiplication.
func TileGrid() resource.TileGrid {
	return resource.TileGrid{
		State:      "in_progress",
		Rows:       2,
		Cols:       4,
		Cells:      []string{"ccrr", "cr.."},
		ObservedAt: Time,
	}
}

// List is a page of multiplications.
func List() resource.MultiplicationList {
	return resource.MultiplicationList{
		Items:      []resource.Multiplication{Completed()},
		NextCursor: Cursor,
	}
}

// TileError is why an attempt at a tile has failed.
func TileError() resource.TileError {
	return resource.TileError{
		At:      Time,
		Tile:    3,
		Attempt: 1,
		Message: "the worker stopped renewing its lease while it ran this job (crash 1 of at most 3)",
	}
}

// Event is an event in the life of a multiplication.
func Event() resource.MultiplicationEvent {
	return resource.MultiplicationEvent{
		ID:       ID,
		State:    "in_progress",
		Progress: 0.5,
		Tiles:    resource.EventTileCounts{Total: 2, Completed: 1},
		At:       Time,
	}
}

// StreamedEvent is Event in its stream.
func StreamedEvent() map[string]any { //house:ignore any examples are JSON
	return map[string]any{
		"id":    3,
		"event": "progress",
		"data":  Plain(Event()),
	}
}

// Stream is StreamedEvent as it is sent.
const Stream = `id: 3
event: progress
data: {"id":"` + ID + `","state":"in_progress","progress":0.5,"tiles":{"total":2,"completed":1},` +
	`"at":"2026-01-05T09:30:00.125Z"}`

// Output is where a result is written to.
func Output() resource.Output {
	return resource.Output{S3: resource.Object{Bucket: "data", Key: "results/c.npy"}}
}

// Overview is the state of the system.
func Overview() resource.Overview {
	return resource.Overview{
		Version:    "v0.2.0",
		StartedAt:  Time,
		ObservedAt: Time,
		Workers:    2,
		Queues: []resource.QueueState{
			{Name: "small"},
			{
				Name:    "tiles",
				Waiting: 12,
				Running: 4,
			},
		},
		Multiplications: resource.ActiveMultiplications{InProgress: 1},
		Kernel: &resource.Kernel{
			Name:    "built-in",
			Version: "v0.2.0",
			Core:    "AVX-512",
			GFLOPS:  55.1,
		},
		Kernels: []resource.Kernels{{
			Name:    "built-in",
			Version: "v0.2.0",
			Core:    "AVX-512",
			Slowest: 51.8,
			Fastest: 55.1,
			Workers: 2,
		}},
		OpsPort: 9090,
		Links: resource.OverviewLinks{
			Docs:    "/docs/",
			OpenAPI: "/openapi.json",
			RiverUI: "/riverui/",
		},
	}
}

// Plain converts an example to the maps, slices and numbers that its JSON decodes to.
func Plain(v any) any { //house:ignore any examples are JSON
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // the examples are constants
	}
	var tree any
	if err := json.Unmarshal(text, &tree); err != nil {
		panic(err)
	}
	return tree
}

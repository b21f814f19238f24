package apidoc

import (
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/millrace/millrace/handlers/resource"
	"github.com/millrace/millrace/matrix"
)

const (
	exampleID      = "01a20a2b-e14e-7d86-921d-a6528b55629e"
	exampleMatrixA = "01a20a2b-e14c-7b09-8bd1-3e2f5a8c1d47"
	exampleMatrixB = "01a20a2b-e14d-70c2-9a35-c07b6e1f2a90"
	exampleMatrixC = "01a20a2b-e14e-7d87-8f60-52d94b1ce3aa"
	examplePath    = MultiplicationsPath + "/" + exampleID
	exampleCursor  = "AAY3lFD_4EgBogor4U59hpIdplKLVWKe"
	exampleDigest  = "sha-256=:a/JscX+vwCEvzksPcf27NQj0POs+bVx9Ym3ezV7ZGEQ=:"
	exampleTag     = `"` + exampleMatrixC + `-x-npy"`
)

var (
	exampleTime = time.Date(2026, time.January, 5, 9, 30, 0, 125_000_000, time.UTC)

	exampleValuesA = [][]int{{1, 2}, {3, 4}}
	exampleValuesB = [][]int{{5, 6}, {7, 8}}
	exampleValuesC = [][]int{{19, 22}, {43, 50}}

	exampleElements = map[string]any{"rows": 2, "cols": 2, "values": exampleValuesC}
	exampleRandom   = map[string]any{"rows": 5000, "cols": 5000, "seed": 1, "dtype": "float64"}
	exampleSimple   = map[string]any{"A": exampleValuesA, "B": exampleValuesB}
	exampleFault    = map[string]any{
		"message":  "unknown query parameter, this operation has none",
		"location": "query.colour",
		"value":    "",
	}
)

func exampleSubmission() map[string]any {
	return map[string]any{
		"a":        map[string]any{"values": exampleValuesA},
		"b":        map[string]any{"values": exampleValuesB},
		"priority": 2,
	}
}

// exampleFile returns the example of a .npy file, whose content cannot be shown.
func exampleFile() map[string]*huma.Example {
	return map[string]*huma.Example{"file": {
		Summary:     "A file as np.save writes it",
		Description: "`np.save(\"A.npy\", np.array([[1.0, 2.0], [3.0, 4.0]]))`: 128 bytes of header, 32 of elements.",
		Value:       exampleFileValue,
	}}
}

const exampleFileValue = "\u0093NUMPY\u0001\u0000v\u0000{'descr': '<f8', 'fortran_order': False, 'shape': (2, 2), } …"

func exampleMatrix() resource.Matrix {
	return resource.Matrix{
		ID:        exampleMatrixA,
		Rows:      2,
		Cols:      2,
		DType:     matrix.Float64,
		State:     "ready",
		Source:    "upload",
		Bytes:     32,
		Digest:    "sha-256:6bf26c717fafc0212fce4b0f71fdbb3508f43ceb3e6d5c7d626ddecd5ed91844",
		CreatedAt: exampleTime,
		ExpiresAt: exampleTime.Add(24 * time.Hour),
	}
}

func exampleRef(id string) resource.MatrixRef {
	return resource.MatrixRef{
		MatrixID: id,
		Rows:     2,
		Cols:     2,
		DType:    matrix.Float64,
	}
}

// examplePending is a multiplication right after its submission.
func examplePending() resource.Multiplication {
	return resource.Multiplication{
		ID:       exampleID,
		State:    "pending",
		Priority: 2,
		Shape: resource.Dimensions{
			M: 2,
			K: 2,
			N: 2,
		},
		DType:     matrix.Float64,
		A:         exampleRef(exampleMatrixA),
		B:         exampleRef(exampleMatrixB),
		Tiles:     resource.TileCounts{Total: 1},
		Errors:    []resource.TileError{},
		CreatedAt: exampleTime,
		Links: resource.MultiplicationLinks{
			Self:   examplePath,
			Events: examplePath + "/events",
			Jobs:   "/riverui/jobs/17",
		},
	}
}

func exampleOutlook() resource.Outlook {
	start := exampleTime.Add(30 * time.Second)
	end := exampleTime.Add(45 * time.Second)
	return resource.Outlook{
		TilesAhead:     12,
		EstimatedStart: &start,
		EstimatedEnd:   &end,
	}
}

func exampleCompleted() resource.Multiplication {
	m := examplePending()
	m.State = "completed"
	m.Tiles.Completed = 1
	m.Progress = 1
	m.Attempts = 1
	m.StartedAt = new(exampleTime.Add(4 * time.Millisecond))
	m.FinishedAt = new(exampleTime.Add(9 * time.Millisecond))
	m.ExpiresAt = new(m.FinishedAt.Add(24 * time.Hour))
	m.Result = &resource.Result{
		MatrixRef: exampleRef(exampleMatrixC),
		Href:      examplePath + "/result",
		Bytes:     32,
		Verified:  true,
	}
	return m
}

// exampleWaited is a multiplication in a response that waited for it.
func exampleWaited() resource.Multiplication {
	m := exampleCompleted()
	m.Result.Values = resource.Rows("[[19,22],[43,50]]")
	return m
}

func exampleCancelled() resource.Multiplication {
	m := examplePending()
	m.State = "cancelled"
	m.FinishedAt = new(exampleTime.Add(time.Second))
	m.ExpiresAt = new(m.FinishedAt.Add(24 * time.Hour))
	return m
}

func exampleMatrices() resource.MatrixList {
	return resource.MatrixList{
		Items:      []resource.Matrix{exampleMatrix()},
		NextCursor: exampleCursor,
	}
}

func exampleTileGrid() resource.TileGrid {
	return resource.TileGrid{
		State:      "in_progress",
		Rows:       2,
		Cols:       4,
		Cells:      []string{"ccrr", "cr.."},
		ObservedAt: exampleTime,
	}
}

func exampleList() resource.MultiplicationList {
	return resource.MultiplicationList{
		Items:      []resource.Multiplication{exampleCompleted()},
		NextCursor: exampleCursor,
	}
}

func exampleTileError() resource.TileError {
	return resource.TileError{
		At:      exampleTime,
		Tile:    3,
		Attempt: 1,
		Message: "the worker stopped renewing its lease while it ran this job (crash 1 of at most 3)",
	}
}

func exampleEvent() resource.MultiplicationEvent {
	return resource.MultiplicationEvent{
		ID:       exampleID,
		State:    "in_progress",
		Progress: 0.5,
		Tiles:    resource.EventTileCounts{Total: 2, Completed: 1},
		At:       exampleTime,
	}
}

func exampleStreamedEvent() map[string]any {
	return map[string]any{
		"id":    3,
		"event": "progress",
		"data":  plain(exampleEvent()),
	}
}

// exampleStream is exampleStreamedEvent as it is sent.
const exampleStream = `id: 3
event: progress
data: {"id":"` + exampleID + `","state":"in_progress","progress":0.5,"tiles":{"total":2,"completed":1},` +
	`"at":"2026-01-05T09:30:00.125Z"}`

func exampleOverview() resource.Overview {
	return resource.Overview{
		Version:    "v0.2.0",
		StartedAt:  exampleTime,
		ObservedAt: exampleTime,
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
		OpsPort: 9090,
		Links: resource.OverviewLinks{
			Docs:    "/docs/",
			OpenAPI: "/openapi.json",
			RiverUI: "/riverui/",
		},
	}
}

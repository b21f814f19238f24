package apidoc

import (
	"time"

	"github.com/millrace/millrace/handlers/resource"
	"github.com/millrace/millrace/matrix"
)

// What the examples of the description are made of.
const (
	exampleID      = "01a20a2b-e14e-7d86-921d-a6528b55629e"
	exampleMatrixA = "01a20a2b-e14c-7b09-8bd1-3e2f5a8c1d47"
	exampleMatrixB = "01a20a2b-e14d-70c2-9a35-c07b6e1f2a90"
	exampleMatrixC = "01a20a2b-e14e-7d87-8f60-52d94b1ce3aa"
)

var (
	exampleTime = time.Date(2026, time.January, 5, 9, 30, 0, 125_000_000, time.UTC)
	exampleTwo  = [][]int{{1, 2}, {3, 4}}
	exampleTwoB = [][]int{{5, 6}, {7, 8}}

	exampleElements = map[string]any{"rows": 2, "cols": 2, "values": [][]int{{19, 22}, {43, 50}}}
	exampleRandom   = map[string]any{"rows": 5000, "cols": 5000, "seed": 1, "dtype": "float64"}
	exampleFault    = map[string]any{"message": "unknown query parameter", "location": "query.colour", "value": ""}
)

func exampleMatrix() resource.Matrix {
	return resource.Matrix{
		ID: exampleMatrixA, Rows: 2, Cols: 2, DType: matrix.Float64, State: "ready", Source: "upload", Bytes: 32,
		Digest:    "sha-256:6bf26c717fafc0212fce4b0f71fdbb3508f43ceb3e6d5c7d626ddecd5ed91844",
		CreatedAt: exampleTime, ExpiresAt: exampleTime.Add(24 * time.Hour),
	}
}

// examplePending is a multiplication as its submission answers it.
func examplePending() resource.Multiplication {
	operand := func(id string) resource.MatrixRef {
		return resource.MatrixRef{MatrixID: id, Rows: 2, Cols: 2, DType: matrix.Float64}
	}
	return resource.Multiplication{
		ID: exampleID, State: "pending", Priority: 2, Shape: resource.Dimensions{M: 2, K: 2, N: 2}, DType: matrix.Float64,
		A: operand(exampleMatrixA), B: operand(exampleMatrixB), Tiles: resource.TileCounts{Total: 1}, Errors: []resource.TileError{},
		CreatedAt: exampleTime,
		Links: resource.MultiplicationLinks{
			Self: MultiplicationsPath + "/" + exampleID, Events: MultiplicationsPath + "/" + exampleID + "/events", Jobs: "/riverui/jobs/17",
		},
	}
}

// exampleCompleted is the same when it is done; its tile had to be computed twice.
func exampleCompleted() resource.Multiplication {
	m := examplePending()
	started, finished := exampleTime.Add(4*time.Millisecond), exampleTime.Add(9*time.Millisecond)
	expires := finished.Add(24 * time.Hour)
	m.State, m.Tiles.Completed, m.Progress, m.Attempts = "completed", 1, 1, 1
	m.StartedAt, m.FinishedAt, m.ExpiresAt = &started, &finished, &expires
	m.Result = &resource.Result{
		MatrixRef: resource.MatrixRef{MatrixID: exampleMatrixC, Rows: 2, Cols: 2, DType: matrix.Float64},
		Href:      MultiplicationsPath + "/" + exampleID + "/result", Bytes: 32, Verified: true,
	}
	return m
}

// exampleSmall is the same as it is answered to a client that has waited for it.
func exampleSmall() resource.Multiplication {
	m := exampleCompleted()
	m.Result.Values = resource.Rows("[[19,22],[43,50]]")
	return m
}

func exampleCancelled() resource.Multiplication {
	m := examplePending()
	finished := exampleTime.Add(time.Second)
	expires := finished.Add(24 * time.Hour)
	m.State, m.FinishedAt, m.ExpiresAt = "cancelled", &finished, &expires
	return m
}

func exampleList() resource.MultiplicationList {
	return resource.MultiplicationList{Items: []resource.Multiplication{exampleCompleted()}, NextCursor: "AAY3lFD_4EgBogor4U59hpIdplKLVWKe"}
}

func exampleTileError() resource.TileError {
	return resource.TileError{At: exampleTime, Tile: 3, Attempt: 1, Message: "worker host-1-abc stopped renewing its lease"}
}

// componentDocs describes the schemas that have a name, and gives each that is an object or an array an example.
var componentDocs = map[string]struct {
	description string
	example     any
}{
	"ActiveMultiplications": {"How many multiplications are not finished.", exampleOverview().Multiplications},
	"Overview":              {"What runs here, what there is to do, and where to look further.", exampleOverview()},
	"OverviewLinks":         {"The paths of pages.", exampleOverview().Links},
	"MultiplicationLinks":   {"The paths at which there is more about a multiplication.", examplePending().Links},
	"QueueState":            {"How many tiles are to be computed.", exampleOverview().Queues[0]},
	"DType":                 {"The type of a matrix's elements.", nil},
	"Elements":              {"A matrix as JSON: the shortest decimals that read back as the same numbers.", exampleElements},
	"Fault":                 {"One parameter that is wrong.", exampleFault},
	"Matrix":                {"A stored matrix.", exampleMatrix()},
	"Multiplication":        {"A product and how far it is. Members that have no value yet are absent.", exampleCompleted()},
	"EventTileCounts":       {"How far the work was.", exampleEvent().Tiles},
	"MultiplicationEvent":   {"One change of a multiplication: the data of one server-sent event.", exampleEvent()},
	"MultiplicationList":    {"One page of multiplications.", exampleList()},
	"NewMatrix":             {"A matrix to store: numbers, or the description of a random matrix.", map[string]any{"values": exampleTwo}},
	"Operand":               {"One side of a product: a stored matrix, numbers, or a random matrix.", map[string]any{"matrix_id": exampleMatrixA}},
	"MatrixRef":             {"A matrix that is part of a product.", examplePending().A},
	"Problem":               {"An error, as RFC 9457 has it.", problemExample(404, "multiplication "+exampleID+": not found")},
	"Dimensions":            {"The three dimensions of a product: A is m×k, B is k×n, the product is m×n.", examplePending().Shape},
	"RandomMatrix":          {"A matrix uniform in [0,1), made where it is needed: any size, no upload. The same seed and shape give the same matrix.", exampleRandom},
	"Result":                {"Where the product is.", exampleSmall().Result},
	"StreamedEvent":         {"One server-sent event.", exampleStreamedEvent()},
	"SimpleSubmission":      {"Two small matrices to multiply.", map[string]any{"A": exampleTwo, "B": exampleTwoB}},
	"Submission":            {"Two matrices to multiply.", exampleSubmission()},
	"TileCounts":            {"How far the work is.", exampleCompleted().Tiles},
	"TileError":             {"One attempt at one tile that failed.", exampleTileError()},
	"Values":                {"Rows of numbers, all of the same length.", exampleTwo},
}

func exampleSubmission() map[string]any {
	return map[string]any{"a": map[string]any{"values": exampleTwo}, "b": map[string]any{"values": exampleTwoB}, "priority": 2}
}

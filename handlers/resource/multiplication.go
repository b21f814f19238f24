// Package resource has the JSON forms of the resources of the API.
package resource

import (
	"time"

	"github.com/millrace/millrace/matrix"
)

// Multiplication is one request for C = A·B and what has become of it.
type Multiplication struct {
	ID         string              `json:"id" format:"uuid" maxLength:"36"`
	State      string              `json:"state" enum:"pending,in_progress,completed,failed,cancelled"`
	Priority   int                 `json:"priority" minimum:"1" maximum:"4" doc:"1 is the most urgent"`
	Shape      Dimensions          `json:"shape" doc:"A is m×k, B is k×n, the result is m×n"`
	DType      matrix.DType        `json:"dtype" enum:"float64,float32" doc:"Of the result: float32 if both operands are float32"`
	A          MatrixRef           `json:"a"`
	B          MatrixRef           `json:"b"`
	Tiles      TileCounts          `json:"tiles"`
	Progress   float64             `json:"progress" minimum:"0" maximum:"1" doc:"Completed tiles divided by all tiles"`
	Attempts   int64               `json:"attempts" doc:"How often tiles have been started"`
	Failure    string              `json:"failure,omitempty" doc:"Why it failed" pattern:"\\S" maxLength:"4096"`
	Errors     []TileError         `json:"errors" doc:"Failed attempts at tiles, newest first, at most 50" nullable:"false" maxItems:"50"`
	CreatedAt  time.Time           `json:"created_at"`
	StartedAt  *time.Time          `json:"started_at,omitempty"`
	FinishedAt *time.Time          `json:"finished_at,omitempty"`
	Retention  int64               `json:"retention_seconds,omitempty" minimum:"60" doc:"How long it is kept after its last use, if its submission said so"`
	Webhook    string              `json:"webhook,omitempty" format:"uri" maxLength:"2000" doc:"Where its end is told, if its submission said so"`
	ExpiresAt  *time.Time          `json:"expires_at,omitempty" doc:"When the multiplication and its result will be deleted"`
	Reused     bool                `json:"reused,omitempty" doc:"Whether it has the result of an earlier one of the same matrices, and nothing was computed"`
	Waiting    *Outlook            `json:"waiting,omitempty" doc:"What it waits for, of one that has not finished. The ETag is not about it."`
	Result     *Result             `json:"result,omitempty" doc:"Present once the state is completed"`
	Output     *Output             `json:"output,omitempty" doc:"Where the result is written to as a .npy file, if its submission said so. It is there once the state is completed; to write it counts as a tile"`
	Links      MultiplicationLinks `json:"links"`
}

// Dimensions are the sizes of a multiplication: A is m×k, B is k×n, the result is m×n.
type Dimensions struct {
	M int64 `json:"m"`
	K int64 `json:"k"`
	N int64 `json:"n"`
}

// MatrixRef names a matrix of a multiplication and its shape.
type MatrixRef struct {
	MatrixID string       `json:"matrix_id" format:"uuid" maxLength:"36"`
	Rows     int64        `json:"rows"`
	Cols     int64        `json:"cols"`
	DType    matrix.DType `json:"dtype" enum:"float64,float32"`
}

// TileCounts counts the tiles of a multiplication.
type TileCounts struct {
	Total     int64 `json:"total" doc:"If the inner dimension is long, each part of a tile counts as one, and so does the sum of its parts"`
	Completed int64 `json:"completed"`
	Running   int64 `json:"running"`
	Retrying  int64 `json:"retrying" doc:"Failed at least once and waiting for the next attempt"`
}

// TileError is one failed attempt at one tile.
type TileError struct {
	At      time.Time `json:"at" doc:"When the attempt began; if its worker was lost, when the tile was rescued"`
	Tile    int64     `json:"tile"`
	Attempt int       `json:"attempt"`
	Message string    `json:"message" pattern:"\\S" maxLength:"4096"`
}

// Outlook is what an unfinished multiplication waits for. Its times are estimates: others may come, and workers go.
type Outlook struct {
	TilesAhead     int64      `json:"tiles_ahead" minimum:"0" doc:"Tiles of others that begin before its next one. The line is fair: others may come in between"`
	EstimatedStart *time.Time `json:"estimated_start,omitempty" doc:"When its next tile begins; absent if that cannot be told, because there are no workers, say"`
	EstimatedEnd   *time.Time `json:"estimated_end,omitempty" doc:"When it is completed; absent like estimated_start"`
	NextAttempt    *time.Time `json:"next_attempt,omitempty" doc:"When the first of the tiles that have failed is tried again; absent if none waits for that"`
	LastError      string     `json:"last_error,omitempty" doc:"The last error of a tile that is to be tried again" pattern:"\\S" maxLength:"4096"`
}

// Result names the matrix C of a completed multiplication and the path of its content.
type Result struct {
	MatrixRef
	Href     string `json:"href" doc:"Path of the result's content" format:"uri-reference" maxLength:"200"`
	Bytes    int64  `json:"bytes" doc:"Size of the elements"`
	Verified bool   `json:"verified" doc:"Every tile was checked by Freivalds' algorithm before it was stored"`
	Values   Rows   `json:"values,omitempty"`
}

// MultiplicationLinks are the paths of what belongs to a multiplication.
type MultiplicationLinks struct {
	Self   string `json:"self" format:"uri-reference" maxLength:"200"`
	Events string `json:"events" doc:"Its changes as they happen, as server-sent events" format:"uri-reference" maxLength:"200"`
	Jobs   string `json:"jobs,omitempty" doc:"Its jobs in River UI; absent if River UI is turned off" format:"uri-reference" maxLength:"500"`
}

// MultiplicationList is one page of multiplications.
type MultiplicationList struct {
	Items      []Multiplication `json:"items" doc:"Newest first" nullable:"false" maxItems:"200"`
	NextCursor string           `json:"next_cursor,omitempty" pattern:"^[A-Za-z0-9_-]+$" maxLength:"32" doc:"The cursor of the next page; absent on the last one"`
}

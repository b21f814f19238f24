package handlers

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/store"
)

// Multiplication is a product as every route shows it.
type Multiplication struct {
	ID         string        `json:"id" format:"uuid" maxLength:"36"`
	State      store.State   `json:"state" enum:"pending,in_progress,completed,failed,cancelled"`
	Priority   int           `json:"priority" minimum:"1" maximum:"4" doc:"1 is the most urgent"`
	Shape      ProductShape  `json:"shape" doc:"A is m×k, B is k×n, the product is m×n"`
	DType      matrix.DType  `json:"dtype" enum:"float64,float32" doc:"Of the product: float32 if both operands are"`
	A          OperandInfo   `json:"a"`
	B          OperandInfo   `json:"b"`
	Tiles      TileCounts    `json:"tiles"`
	Progress   float64       `json:"progress" minimum:"0" maximum:"1" doc:"Completed tiles over all tiles"`
	Attempts   int64         `json:"attempts" doc:"How often tiles have been started"`
	Failure    string        `json:"failure,omitempty" doc:"Why it failed" pattern:"\\S" maxLength:"4096"`
	Errors     []TileError   `json:"errors" doc:"What went wrong on the way, the newest first, 50 at most" nullable:"false" maxItems:"50"`
	CreatedAt  time.Time     `json:"created_at"`
	StartedAt  *time.Time    `json:"started_at,omitempty"`
	FinishedAt *time.Time    `json:"finished_at,omitempty"`
	ExpiresAt  *time.Time    `json:"expires_at,omitempty" doc:"When the multiplication and its result will be removed"`
	Result     *ResultNotice `json:"result,omitempty" doc:"Once the state is completed"`
	Links      ProductLinks  `json:"links"`
}

// ProductShape gives the three dimensions of a product.
type ProductShape struct {
	M int64 `json:"m"`
	K int64 `json:"k"`
	N int64 `json:"n"`
}

// OperandInfo names a matrix and its shape.
type OperandInfo struct {
	MatrixID string       `json:"matrix_id" format:"uuid" maxLength:"36"`
	Rows     int64        `json:"rows"`
	Cols     int64        `json:"cols"`
	DType    matrix.DType `json:"dtype" enum:"float64,float32"`
}

// TileCounts says how far the work is.
type TileCounts struct {
	Total     int64 `json:"total"`
	Completed int64 `json:"completed"`
	Running   int64 `json:"running"`
	Retrying  int64 `json:"retrying" doc:"Failed at least once and waiting for the next attempt"`
}

// TileError is one failed attempt at one tile.
type TileError struct {
	At      time.Time `json:"at"`
	Tile    int64     `json:"tile"`
	Attempt int       `json:"attempt"`
	Message string    `json:"message" pattern:"\\S" maxLength:"4096"`
}

// ResultNotice says where the product is.
type ResultNotice struct {
	OperandInfo
	Href     string `json:"href" doc:"Path of the product's content" format:"uri-reference" maxLength:"200"`
	Bytes    int64  `json:"bytes" doc:"Size of the elements"`
	Verified bool   `json:"verified" doc:"Every tile was checked by Freivalds' algorithm before it was stored"`
	Values   Rows   `json:"values,omitempty"`
}

const (
	simplePath          = "/matrix_multiplication/"
	multiplicationsPath = "/v1/multiplications"
	multiplicationRoute = multiplicationsPath + "/{id}"
	multiplicationsTag  = "multiplications"
)

func multiplicationPath(id uuid.UUID) string { return multiplicationsPath + "/" + id.String() }

func (a *API) multiplicationBody(s store.Status) Multiplication {
	p := s.Multiplication
	m := Multiplication{
		ID: p.ID.String(), State: p.State, Priority: int(p.Priority),
		Shape: ProductShape{M: p.M, K: p.K, N: p.N}, DType: p.DType,
		A: OperandInfo{MatrixID: p.A.String(), Rows: s.ARows, Cols: s.ACols, DType: s.ADType},
		B: OperandInfo{MatrixID: p.B.String(), Rows: s.BRows, Cols: s.BCols, DType: s.BDType},
		Tiles: TileCounts{
			Total: p.TilesTotal, Completed: p.TilesCompleted, Running: s.Running, Retrying: s.Retrying,
		},
		Progress: progress(p.TilesCompleted, p.TilesTotal), Attempts: s.Attempts, Errors: make([]TileError, 0, len(s.Errors)),
		CreatedAt: p.CreatedAt.UTC(), StartedAt: utc(p.StartedAt), FinishedAt: utc(p.FinishedAt),
		Links: a.productLinks(s),
	}
	if p.Failure != nil {
		m.Failure = bounded(*p.Failure)
	}
	for _, e := range s.Errors {
		m.Errors = append(m.Errors, TileError{At: e.At.UTC(), Tile: e.Tile, Attempt: int(e.Attempt), Message: bounded(e.Message)})
	}
	if p.State.Final() {
		m.ExpiresAt = utc(&p.ExpiresAt)
	}
	if p.State == store.Completed {
		m.Result = newResultNotice(p)
	}
	return m
}

// bounded cuts a message that is longer than any that one reads, the trace of a panic for example, and says so if there is
// none.
func bounded(message string) string {
	if strings.TrimSpace(message) == "" {
		return "unknown error"
	}
	if len(message) > maxDetail {
		return strings.ToValidUTF8(message[:maxDetail], "")
	}
	return message
}

func newResultNotice(p store.Multiplication) *ResultNotice {
	return &ResultNotice{
		OperandInfo: OperandInfo{MatrixID: p.C.String(), Rows: p.M, Cols: p.N, DType: p.DType},
		Href:        multiplicationPath(p.ID) + "/result", Bytes: p.ResultShape().Bytes(), Verified: true,
	}
}

// progress is exact: tiles done over tiles planned. A product without elements is done from the start.
func progress(completed, total int64) float64 {
	if total == 0 {
		return 1
	}
	return float64(completed) / float64(total)
}

func utc(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	u := t.UTC()
	return &u
}

// IDParam is the path parameter of all routes of one resource.
type IDParam struct {
	ID string `path:"id"`
}

// parseID returns the id. Ids are opaque: one that is not of our form names nothing.
func (in IDParam) parseID(what string) (uuid.UUID, error) {
	id, err := uuid.Parse(in.ID)
	if err != nil {
		return id, fmt.Errorf("%s %.60q: %w", what, in.ID, store.ErrNotFound)
	}
	return id, nil
}

type multiplicationInput struct {
	IDParam
	Conditional
	Waiting
}

type multiplicationOutput struct {
	ETag              string `header:"ETag" doc:"Changes whenever anything in the body does"`
	PreferenceApplied string `header:"Preference-Applied" doc:"wait=N, if the answer has waited for the end or N seconds"`
	Vary              string `header:"Vary" doc:"Prefer: what has waited may have more in it"`
	Body              Multiplication
}

// getMultiplication answers GET /v1/multiplications/{id}.
func (a *API) getMultiplication(ctx context.Context, in *multiplicationInput) (*multiplicationOutput, error) {
	id, err := in.parseID("multiplication")
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	out := &multiplicationOutput{Vary: "Prefer"}
	var o outcome
	if in.asked {
		out.PreferenceApplied = in.applied()
		o, err = a.await(ctx, id, in.Waiting)
	} else {
		o, err = a.present(ctx, id)
	}
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	out.Body, out.ETag = o.body, o.etag
	return out, in.compare(o.etag)
}

type cancelInput struct {
	IDParam
	IdempotencyParam
}

type changedOutput struct {
	Status            int
	PreferenceApplied string `header:"Preference-Applied"`
	Replayed
	Body rendered[Multiplication]
}

// cancelMultiplication answers POST /v1/multiplications/{id}/cancel.
func (a *API) cancelMultiplication(ctx context.Context, in *cancelInput) (*changedOutput, error) {
	return a.change(ctx, in.IDParam, in.IdempotencyParam, a.jobs.Cancel)
}

type retryInput struct {
	IDParam
	IdempotencyParam
	Waiting
}

// Resolve implements huma.Resolver.
func (in *retryInput) Resolve(ctx huma.Context) []error {
	return append(in.IdempotencyParam.Resolve(ctx), in.Waiting.Resolve(ctx)...)
}

// retryMultiplication answers POST /v1/multiplications/{id}/retry.
func (a *API) retryMultiplication(ctx context.Context, in *retryInput) (*changedOutput, error) {
	out, err := a.change(ctx, in.IDParam, in.IdempotencyParam, a.jobs.Retry)
	if err == nil && in.asked {
		id, _ := in.parseID("multiplication") // which was right a moment ago
		if o, e := a.await(ctx, id, in.Waiting); e == nil {
			out.Body, out.PreferenceApplied = render(o.body), in.applied()
		}
	}
	return out, err
}

// change does something to a multiplication and answers with what has become of it. The body of the request, if it has one,
// says nothing.
func (a *API) change(
	ctx context.Context, in IDParam, k IdempotencyParam, do func(context.Context, uuid.UUID, ...jobs.AnswerTx) error,
) (*changedOutput, error) {
	r := request{path: k.path}
	id, err := in.parseID("multiplication")
	if err == nil {
		r.key, err = k.key()
	}
	var answer reply
	if err == nil {
		answer, err = a.once(ctx, r, func() error { return nil }, func(keep keepTx) error {
			return do(ctx, id, a.showTx(http.StatusOK, keep))
		})
	}
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	return &changedOutput{Status: answer.status, Replayed: answer.header(), Body: rendered[Multiplication]{text: answer.body}}, nil
}

// deleteMultiplication answers DELETE /v1/multiplications/{id}.
func (a *API) deleteMultiplication(ctx context.Context, in *IDParam) (*struct{}, error) {
	id, err := in.parseID("multiplication")
	if err == nil {
		err = a.jobs.Delete(ctx, id)
	}
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	return nil, nil
}

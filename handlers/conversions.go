package handlers

import (
	"encoding/hex"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/handlers/apidoc"
	"github.com/millrace/millrace/handlers/resource"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/watch"
)

func multiplicationPath(id uuid.UUID) string { return apidoc.MultiplicationsPath + "/" + id.String() }

func (a *API) multiplicationBody(s store.Status) resource.Multiplication {
	p := s.Multiplication
	m := resource.Multiplication{
		ID:       p.ID.String(),
		State:    string(p.State),
		Priority: int(p.Priority),
		Shape: resource.Dimensions{
			M: p.M,
			K: p.K,
			N: p.N,
		},
		DType: p.DType,
		A: resource.MatrixRef{
			MatrixID: p.A.String(),
			Rows:     s.ARows,
			Cols:     s.ACols,
			DType:    s.ADType,
		},
		B: resource.MatrixRef{
			MatrixID: p.B.String(),
			Rows:     s.BRows,
			Cols:     s.BCols,
			DType:    s.BDType,
		},
		Tiles: resource.TileCounts{
			Total:     p.TilesTotal,
			Completed: p.TilesCompleted,
			Running:   s.Running,
			Retrying:  s.Retrying,
		},
		Progress:   progress(p.TilesCompleted, p.TilesTotal),
		Attempts:   s.Attempts,
		Errors:     make([]resource.TileError, len(s.Errors)),
		CreatedAt:  p.CreatedAt.UTC(),
		StartedAt:  utc(p.StartedAt),
		FinishedAt: utc(p.FinishedAt),
		Links:      a.multiplicationLinks(s),
	}
	if p.Failure != nil {
		m.Failure = bounded(*p.Failure)
	}
	for i, e := range s.Errors {
		m.Errors[i] = resource.TileError{
			At:      e.At.UTC(),
			Tile:    e.Tile,
			Attempt: int(e.Attempt),
			Message: bounded(e.Message),
		}
	}
	if p.State.Final() {
		m.ExpiresAt = utc(&p.ExpiresAt)
	}
	if p.State == store.Completed {
		m.Result = newResult(p)
	}
	return m
}

// newResult returns the result of a completed multiplication.
func newResult(p store.Multiplication) *resource.Result {
	return &resource.Result{
		MatrixRef: resource.MatrixRef{
			MatrixID: p.C.String(),
			Rows:     p.M,
			Cols:     p.N,
			DType:    p.DType,
		},
		Href:     multiplicationPath(p.ID) + "/result",
		Bytes:    p.ResultShape().Bytes(),
		Verified: true,
	}
}

// newEventBody returns an event of a multiplication. Of the multiplication it uses members that never change.
func newEventBody(e watch.Event, p store.Multiplication) resource.MultiplicationEvent {
	body := resource.MultiplicationEvent{
		ID:       p.ID.String(),
		State:    string(e.State),
		Progress: progress(e.TilesCompleted, p.TilesTotal),
		Tiles:    resource.EventTileCounts{Total: p.TilesTotal, Completed: e.TilesCompleted},
		At:       e.At.UTC(),
	}
	if e.Product == nil {
		return body
	}
	if e.Product.Failure != nil {
		body.Failure = *e.Product.Failure
	}
	if e.State == store.Completed {
		body.Result = newResult(p)
	}
	return body
}

func newMatrixBody(m store.Matrix) resource.Matrix {
	body := resource.Matrix{
		ID:        m.ID.String(),
		Rows:      m.Rows,
		Cols:      m.Cols,
		DType:     m.DType,
		State:     string(m.State),
		Source:    string(m.Source),
		Bytes:     m.Shape().Bytes(),
		CreatedAt: m.CreatedAt.UTC(),
		ExpiresAt: m.ExpiresAt.UTC(),
	}
	if m.Digest != nil {
		body.Digest = "sha-256:" + hex.EncodeToString(m.Digest)
	}
	return body
}

func (a *API) overviewBody(seen jobs.Overview, at time.Time) resource.Overview {
	body := resource.Overview{
		Version:         a.site.Version,
		StartedAt:       micros(a.started),
		ObservedAt:      micros(at),
		Workers:         seen.Workers,
		Queues:          make([]resource.QueueState, len(seen.Queues)),
		Multiplications: resource.ActiveMultiplications(seen.Active),
		OpsPort:         a.site.OpsPort,
		Links:           resource.OverviewLinks{Docs: docsPath, OpenAPI: "/openapi.json"},
	}
	for i, q := range seen.Queues {
		body.Queues[i] = resource.QueueState(q)
	}
	if a.site.RiverUI != nil {
		body.Links.RiverUI = riverUIPath
	}
	return body
}

// progress returns the share of tiles that are completed. It is 1 for a multiplication without tiles, whose result
// has no elements.
func progress(completed, total int64) float64 {
	if total == 0 {
		return 1
	}
	return float64(completed) / float64(total)
}

// bounded cuts a message to the length that the API allows. A blank message becomes "unknown error".
func bounded(message string) string {
	if strings.TrimSpace(message) == "" {
		return "unknown error"
	}
	if len(message) > resource.MaxMessage {
		return strings.ToValidUTF8(message[:resource.MaxMessage], "")
	}
	return message
}

func utc(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	return new(t.UTC())
}

// micros returns a time in UTC with the precision of Postgres.
func micros(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

package handlers

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/handlers/apidoc"
	"github.com/millrace/millrace/handlers/payload"
	"github.com/millrace/millrace/handlers/resource"
	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/jobs/queue/kernels"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/watch"
)

func multiplicationPath(id uuid.UUID) string { return apidoc.MultiplicationsPath + "/" + id.String() }

func (a *API) multiplicationBody(ctx context.Context, m jobs.Multiplication) resource.Multiplication {
	body := resource.Multiplication{
		ID:        m.ID.String(),
		State:     string(m.State),
		Priority:  m.Priority,
		Retention: int64(m.Retention.Seconds()),
		Shape: resource.Dimensions{
			M: m.Plan.M,
			K: m.Plan.K,
			N: m.Plan.N,
		},
		DType: m.C.Shape.DType,
		A:     newMatrixRef(m.A),
		B:     newMatrixRef(m.B),
		Tiles: resource.TileCounts{
			Total:     m.TilesTotal,
			Completed: m.TilesCompleted,
			Running:   m.Progress.Running,
			Retrying:  m.Progress.Retrying,
		},
		Progress:   progress(m.TilesCompleted, m.TilesTotal),
		Attempts:   m.Progress.Attempts,
		Errors:     make([]resource.TileError, len(m.Errors)),
		CreatedAt:  m.CreatedAt.UTC(),
		StartedAt:  resource.UTC(m.StartedAt),
		FinishedAt: resource.UTC(m.FinishedAt),
		Reused:     m.Reused,
		Output:     payload.Output(m.Output),
		Links:      a.multiplicationLinks(ctx, m),
	}
	if m.Webhook != nil {
		body.Webhook = *m.Webhook
	}
	if m.State == jobs.Failed {
		body.Failure = resource.Bounded(m.Failure)
	}
	for i, e := range m.Errors {
		body.Errors[i] = resource.TileError{
			At:      e.At.UTC(),
			Tile:    e.Tile,
			Attempt: int(e.Attempt),
			Message: resource.Bounded(e.Message),
		}
	}
	if m.State.Final() {
		body.ExpiresAt = resource.UTC(&m.ExpiresAt)
	}
	if m.State == jobs.Completed {
		body.Result = newResult(m.ID, m.C)
	}
	return body
}

func newMatrixRef(r jobs.Ref) resource.MatrixRef {
	return resource.MatrixRef{
		MatrixID: r.ID.String(),
		Rows:     r.Shape.Rows,
		Cols:     r.Shape.Cols,
		DType:    r.Shape.DType,
	}
}

// newResult returns the result of a completed multiplication.
func newResult(multiplication uuid.UUID, c jobs.Ref) *resource.Result {
	return &resource.Result{
		MatrixRef: newMatrixRef(c),
		Href:      multiplicationPath(multiplication) + "/result",
		Bytes:     c.Shape.Bytes(),
		Verified:  true,
	}
}

func (a *API) multiplicationLinks(ctx context.Context, m jobs.Multiplication) resource.MultiplicationLinks {
	self := multiplicationPath(m.ID)
	links := resource.MultiplicationLinks{Self: self, Events: self + "/events"}
	if a.site.RiverUI == nil || !identity.From(ctx).May(identity.ScopeAdmin) {
		return links
	}
	if page := m.JobsPage(); page != "" {
		links.Jobs = riverUIPath + page
	}
	return links
}

// newEventBody returns an event of a multiplication. Of the row it uses columns that do not change.
func newEventBody(e watch.Event, row store.Multiplication) resource.MultiplicationEvent {
	body := resource.MultiplicationEvent{
		ID:       row.ID.String(),
		State:    e.State,
		Progress: progress(e.TilesCompleted, row.TilesTotal),
		Tiles:    resource.EventTileCounts{Total: row.TilesTotal, Completed: e.TilesCompleted},
		At:       e.At.UTC(),
	}
	if e.Outcome == nil {
		return body
	}
	if e.Outcome.Failure != nil {
		body.Failure = *e.Outcome.Failure
	}
	if jobs.State(e.State) == jobs.Completed {
		body.Result = newResult(row.ID, jobs.Ref{ID: row.C, Shape: row.ResultShape()})
	}
	return body
}

// overviewBody returns what a principal may see of an overview: an administrator all of it, others what is their
// tenant's, and how many workers there are.
func (a *API) overviewBody(p identity.Principal, seen jobs.Overview, at time.Time) resource.Overview {
	body := resource.Overview{
		Version:         a.site.Version,
		StartedAt:       micros(a.started),
		ObservedAt:      micros(at),
		Workers:         seen.Workers,
		Queues:          []resource.QueueState{},
		Multiplications: resource.ActiveMultiplications(seen.Active[p.Tenant]),
		Kernel:          a.site.Kernel,
		Kernels:         kernelsBody(seen.Kernels),
		Links:           resource.OverviewLinks{Docs: docsPath, OpenAPI: "/openapi.json"},
	}
	if !p.May(identity.ScopeAdmin) {
		return body
	}
	body.OpsPort = a.site.OpsPort
	body.Multiplications = resource.ActiveMultiplications{}
	for _, active := range seen.Active {
		body.Multiplications.Pending += active.Pending
		body.Multiplications.InProgress += active.InProgress
	}
	for _, q := range seen.Queues {
		body.Queues = append(body.Queues, resource.QueueState{
			Name:     q.Queue,
			Waiting:  q.Waiting,
			Running:  q.Running,
			Retrying: q.Retrying,
			Paused:   q.Paused,
		})
	}
	if a.site.RiverUI != nil {
		body.Links.RiverUI = riverUIPath
	}
	return body
}

func kernelsBody(all []kernels.Kind) []resource.Kernels {
	body := make([]resource.Kernels, len(all))
	for i, k := range all {
		body[i] = resource.Kernels{
			Name:    k.Name,
			Version: k.Version,
			Core:    k.Core,
			Slowest: k.GFLOPS,
			Fastest: k.Fastest,
			Workers: k.Workers,
		}
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

// micros returns a time in UTC with the precision of Postgres.
func micros(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

package handlers

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/millrace/millrace/jobs"
)

// Overview says what runs here, what there is to do, and where to look further.
type Overview struct {
	Version         string                `json:"version" doc:"Of the API that answers" pattern:"\\S" maxLength:"100"`
	StartedAt       time.Time             `json:"started_at" doc:"When the API that answers was started"`
	ObservedAt      time.Time             `json:"observed_at" doc:"When the numbers were taken; a second ago at most, unless counting took long"`
	Workers         int64                 `json:"workers" doc:"Processes that compute tiles"`
	Queues          []QueueState          `json:"queues" nullable:"false" maxItems:"2"`
	Multiplications ActiveMultiplications `json:"multiplications" doc:"Those that are not finished"`
	OpsPort         int                   `json:"ops_port,omitempty" minimum:"1" maximum:"65535" doc:"Port of /metrics, /livez and /readyz of the API that answers"`
	Links           OverviewLinks         `json:"links"`
}

// QueueState counts the tiles that are to be computed.
type QueueState struct {
	Name      string `json:"name" enum:"small,tiles" doc:"small: products of less than 10 ms as a whole; tiles: all others"`
	Waiting   int64  `json:"waiting" doc:"Not begun"`
	Running   int64  `json:"running"`
	Retrying  int64  `json:"retrying" doc:"Failed at least once and waiting for the next attempt"`
	Estimated bool   `json:"estimated,omitempty" doc:"So many are waiting that their number is an estimate"`
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
	RiverUI string `json:"river_ui,omitempty" doc:"Absent when it is turned off" format:"uri-reference" maxLength:"200"`
}

const (
	// overviewAge is how old the numbers may be.
	overviewAge = time.Second
	// overviewRest is the least time between two looks at the queues, in multiples of what the last one took: with a huge
	// backlog counting must not become a load of its own.
	overviewRest = 20
	// overviewTimeout bounds one look.
	overviewTimeout = 10 * time.Second
)

// overviews looks at the queues for all clients together.
type overviews struct {
	jobs   *jobs.Client
	flight singleflight.Group
	mutex  sync.Mutex
	last   jobs.Overview
	at     time.Time // of the last look
	until  time.Time // when it is too old
}

// cached returns the last look, unless it is too old.
func (o *overviews) cached() (jobs.Overview, time.Time, bool) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	return o.last, o.at, time.Now().Before(o.until)
}

// get returns a look that is not too old. One client's leaving does not spoil it for the others.
func (o *overviews) get(ctx context.Context) (jobs.Overview, time.Time, error) {
	if last, at, ok := o.cached(); ok {
		return last, at, nil
	}
	done := o.flight.DoChan("", func() (any, error) {
		if _, _, ok := o.cached(); ok { // another flight has just landed
			return nil, nil
		}
		return nil, o.look(context.WithoutCancel(ctx))
	})
	select {
	case result := <-done:
		last, at, _ := o.cached()
		return last, at, result.Err
	case <-ctx.Done():
		return jobs.Overview{}, time.Time{}, ctx.Err()
	}
}

func (o *overviews) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, overviewTimeout)
	defer cancel()
	start := time.Now()
	seen, err := o.jobs.Overview(ctx)
	if err != nil {
		return err
	}
	o.mutex.Lock()
	defer o.mutex.Unlock()
	o.last, o.at, o.until = seen, start, time.Now().Add(max(overviewAge, overviewRest*time.Since(start)))
	return nil
}

// micros is a time as exact as all others are.
func micros(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

type overviewOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         Overview
}

// getOverview answers GET /v1/overview.
func (a *API) getOverview(ctx context.Context, _ *struct{}) (*overviewOutput, error) {
	seen, at, err := a.overviews.get(ctx)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	body := Overview{
		Version: a.site.Version, StartedAt: micros(a.started), ObservedAt: micros(at), Workers: seen.Workers,
		Multiplications: ActiveMultiplications(seen.Active), OpsPort: a.site.OpsPort,
		Links: OverviewLinks{Docs: docsPath, OpenAPI: "/openapi.json"},
	}
	for _, q := range seen.Queues {
		body.Queues = append(body.Queues, QueueState(q))
	}
	if a.site.RiverUI != nil {
		body.Links.RiverUI = riverUIPath
	}
	return &overviewOutput{CacheControl: "no-store", Body: body}, nil
}

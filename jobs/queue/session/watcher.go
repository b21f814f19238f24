package session

import (
	"context"
	"time"

	"github.com/millrace/millrace/jobs/queue/internal/db"
)

const (
	// LookInterval is how often Look must be called.
	LookInterval = 250 * time.Millisecond
	// Grace is how long a worker whose session has ended has to begin another one. One that lives does so within
	// milliseconds.
	Grace = 600 * time.Millisecond
)

// Ended is a worker whose session has ended.
type Ended struct {
	Worker string
	Key    int32     // of its lock
	SeenAt time.Time // when that was seen first, by the clock of the database
	since  time.Time // the same by that of this process
	judged bool      // it has been returned
}

// Watcher looks for workers whose session has ended. It is used by one goroutine at a time.
type Watcher struct {
	db         *db.Queries
	me         string // whose own session must last
	lease      time.Duration
	grace      time.Duration
	notWorkers string // a prefix that the ids of workers do not have
	observed   map[string]*Ended
}

// NewWatcher returns a watcher of the processes whose ids do not have a prefix.
func NewWatcher(q *db.Queries, me, notWorkers string, lease, grace time.Duration) *Watcher {
	if grace <= 0 {
		grace = Grace
	}
	return &Watcher{
		db:         q,
		me:         me,
		lease:      lease,
		grace:      grace,
		notWorkers: notWorkers,
	}
}

// Look returns the workers that have ended: their session did so a while ago, and they have not begun another one. When
// most workers seem to have ended at once they must have done so for a lease: what is between them and the database
// may have.
func (w *Watcher) Look(ctx context.Context) ([]Ended, error) {
	rows, err := w.db.ListEnded(ctx, db.ListEndedParams{
		Class:       Class,
		Me:          w.me,
		Lease:       w.lease,
		Maintenance: w.notWorkers,
	})
	if err != nil || len(rows) == 0 {
		w.observed = nil
		return nil, err
	}
	now := time.Now()
	observed := make(map[string]*Ended, len(rows))
	var judged, fresh []*Ended
	for _, row := range rows {
		e := w.observed[row.ID]
		if e == nil || e.Key != row.SessionKey {
			e = &Ended{
				Worker: row.ID,
				Key:    row.SessionKey,
				SeenAt: row.SeenAt,
				since:  now,
			}
		}
		observed[row.ID] = e
		if e.judged {
			judged = append(judged, e)
		} else {
			fresh = append(fresh, e)
		}
	}
	w.observed = observed
	grace, err := w.graceOf(ctx, fresh, int64(len(rows)))
	if err != nil {
		return nil, err
	}
	ended := make([]Ended, 0, len(rows))
	for _, e := range judged {
		ended = append(ended, *e)
	}
	for _, e := range fresh {
		if e.judged = now.Sub(e.since) >= grace; e.judged {
			ended = append(ended, *e)
		}
	}
	return ended, nil
}

// graceOf returns for how long workers must have ended. Those with a lease that lasts are these, all that have ended,
// and the others.
func (w *Watcher) graceOf(ctx context.Context, fresh []*Ended, ended int64) (time.Duration, error) {
	if len(fresh) < 2 {
		return w.grace, nil
	}
	leases, err := w.db.CountLeases(ctx, w.notWorkers, w.lease)
	if int64(len(fresh)) < leases.Workers-ended {
		return w.grace, err
	}
	return max(w.grace, w.lease), err
}

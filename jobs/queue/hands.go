package queue

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
)

// hands is what a process has in hand: the jobs that it has fetched and whose outcome is not written yet. It also
// says whether the process may fetch.
//
// A job that runs in the name of the process and is not in its hands was fetched by a statement whose response was
// lost. A job that has crashed its workers is a suspect: it waits until nothing else is in hand, and while it is there,
// nothing is fetched.
type hands struct {
	mutex   sync.Mutex
	jobs    map[int64]struct{}
	touched map[int64]struct{}  // what was in hand at any time since the lease was renewed
	fetches map[*fetch]struct{} // those under way
	suspect int64               // the suspect in hand; 0: none
	hanging map[int64]struct{}  // those that cannot be interrupted
	closed  bool                // nothing is fetched any more
	until   time.Time           // when the lease ends, if it is not renewed
	at      time.Time           // when it was renewed, by the clock of the database
	emptied chan struct{}       // closed and replaced when an outcome is written, a job hangs or a fetch has ended
}

// fetch is a statement that takes jobs from the queue.
type fetch struct{ began time.Time }

func newHands() *hands {
	return &hands{
		jobs:    map[int64]struct{}{},
		touched: map[int64]struct{}{},
		fetches: map[*fetch]struct{}{},
		hanging: map[int64]struct{}{},
		emptied: make(chan struct{}),
	}
}

// begin begins a fetch; it returns nil when the process must not fetch, because it has no lease or a suspect.
func (h *hands) begin() *fetch {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	now := time.Now()
	if h.closed || h.suspect != 0 || !now.Before(h.until) {
		return nil
	}
	f := &fetch{began: now}
	h.fetches[f] = struct{}{}
	return f
}

// end ends a fetch that has taken jobs. It returns those that are now in hand, and those that must be handed back: all
// but the suspect, if there is one.
func (h *hands) end(f *fetch, jobs []*rivertype.JobRow) (taken, back []*rivertype.JobRow) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	delete(h.fetches, f)
	if h.closed {
		defer h.changed() // after the jobs are in hand
	}
	if h.suspect != 0 {
		return nil, jobs
	}
	taken = jobs
	if i := slices.IndexFunc(jobs, suspect); i >= 0 {
		h.suspect = jobs[i].ID
		taken = jobs[i : i+1]
		back = slices.Concat(jobs[:i], jobs[i+1:])
	}
	h.take(taken)
	return taken, back
}

// keep takes jobs that could not be handed back.
func (h *hands) keep(jobs []*rivertype.JobRow) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.take(jobs)
}

func (h *hands) take(jobs []*rivertype.JobRow) {
	for _, job := range jobs {
		h.jobs[job.ID] = struct{}{}
		h.touched[job.ID] = struct{}{}
	}
}

// done says that the outcome of attempts at jobs is written.
func (h *hands) done(ids []int64) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	for _, id := range ids {
		delete(h.jobs, id)
		delete(h.hanging, id)
		if h.suspect == id {
			h.suspect = 0
		}
	}
	h.changed()
}

// changed wakes what waits for a change. The mutex must be locked.
func (h *hands) changed() {
	close(h.emptied)
	h.emptied = make(chan struct{})
}

// close has nothing fetched any more.
func (h *hands) close() {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.closed = true
}

// hang says that a job cannot be interrupted.
func (h *hands) hang(id int64) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.hanging[id] = struct{}{}
	h.changed()
}

// onlyHangs waits until nothing is in hand but jobs that hang, at least one, and no fetch is under way. It reports
// false when ctx is done before.
func (h *hands) onlyHangs(ctx context.Context) bool {
	for {
		h.mutex.Lock()
		only := len(h.hanging) > 0 && len(h.hanging) == len(h.jobs) && len(h.fetches) == 0
		changed := h.emptied
		h.mutex.Unlock()
		if only {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-changed:
		}
	}
}

// alone waits until nothing is in hand but one job.
func (h *hands) alone(ctx context.Context, id int64) error {
	for {
		h.mutex.Lock()
		emptied := h.emptied
		_, own := h.jobs[id]
		alone := len(h.jobs) == 0 || own && len(h.jobs) == 1
		h.mutex.Unlock()
		if alone {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-emptied:
		}
	}
}

// held returns the jobs in hand, a time before this by the clock of the database, and the age of the oldest fetch under
// way: the jobs that it takes are younger.
func (h *hands) held() (ids []int64, at time.Time, age time.Duration) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	for f := range h.fetches {
		age = max(age, time.Since(f.began))
	}
	return slices.AppendSeq([]int64{}, maps.Keys(h.jobs)), h.at, age
}

// renewed sets the end of the lease, and when it was renewed by the clock of the database. It returns what was in hand
// since it was renewed before.
func (h *hands) renewed(until, at time.Time) []int64 {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.until = until
	h.at = at
	touched := slices.Collect(maps.Keys(h.touched))
	h.touched = maps.Clone(h.jobs)
	return touched
}

// suspend has nothing fetched until the lease is renewed.
func (h *hands) suspend() {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.until = time.Time{}
}

// hasLease reports whether the lease was renewed in time.
func (h *hands) hasLease() bool {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	return time.Now().Before(h.until)
}

// jobStuck is called when a job has not ended although its time is over and it was told to: it holds its slot for good.
func (c *Client) jobStuck(ctx context.Context, job river.JobStuckHandlerParams) river.JobStuckHandlerResult {
	c.log.ErrorContext(ctx, "a job hangs and cannot be interrupted", "job", job.ID, "kind", job.Kind)
	c.hands.hang(job.ID)
	c.hangs.Do(func() { close(c.stuck) })
	return river.JobStuckHandlerResult{}
}

// Stuck returns a channel that is closed when a job hangs that cannot be interrupted. The process should end: only that
// frees the slot, and makes the job one of a lost worker.
func (c *Client) Stuck() <-chan struct{} { return c.stuck }

package handlers

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/handlers/auth"
	"github.com/millrace/millrace/handlers/bulk"
	"github.com/millrace/millrace/handlers/guard"
	"github.com/millrace/millrace/handlers/outlooks"
	"github.com/millrace/millrace/handlers/resource"
	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/store"
)

// view is a multiplication as it is sent.
type view struct {
	body  resource.Multiplication
	etag  string
	final bool // it has finished
}

func newView(body resource.Multiplication, final bool) (view, error) {
	stable := body
	stable.Waiting = nil // estimates, which change all the time
	etag, err := guard.EntityTag(stable)
	return view{
		body:  body,
		etag:  etag,
		final: final,
	}, err
}

// present returns a multiplication as it is now.
func (a *API) present(ctx context.Context, id uuid.UUID) (view, error) {
	m, err := a.jobs.Get(ctx, identity.From(ctx).Tenant, id)
	if err != nil {
		return view{}, err
	}
	body := a.multiplicationBody(ctx, m)
	body.Waiting = outlooks.Of(ctx, a.jobs.Queue().Line(), m)
	return newView(body, m.State.Final())
}

// wait returns a multiplication as soon as it has finished, or when the limit of the wait is over. A small result is
// part of the view.
func (a *API) wait(ctx context.Context, id uuid.UUID, w Waiting) (view, error) {
	return a.waitBy(ctx, a.hub.Wait, id, w)
}

// hubWait is a way to wait for the end of a multiplication.
type hubWait func(context.Context, identity.Owned, time.Duration) error

// waitBy waits by a function of the hub.
func (a *API) waitBy(ctx context.Context, by hubWait, id uuid.UUID, w Waiting) (view, error) {
	end := time.Now().Add(w.limit)
	v, err := a.waitOnce(ctx, by, id, w.limit)
	if left := time.Until(end); err == nil && !v.final && left > 0 { // it was retried meanwhile
		return a.waitOnce(ctx, a.hub.Wait, id, left)
	}
	return v, err
}

// waitOnce returns a multiplication after it has finished, or when the limit is over.
func (a *API) waitOnce(ctx context.Context, by hubWait, id uuid.UUID, limit time.Duration) (view, error) {
	release, err := a.held.Hold(ctx)
	if err != nil {
		return view{}, err
	}
	kept, stop := auth.Keep(ctx, a.heartbeat)
	err = auth.Why(kept, by(kept, owned(ctx, id), limit))
	stop()
	release()
	if err != nil {
		return view{}, err
	}
	return a.views.get(ctx, owned(ctx, id))
}

// viewTimeout bounds one read of views while the database does not respond.
const viewTimeout = 10 * time.Second

// views reads multiplications for many waiters at once: calls that come during a read share the next one, and calls for
// one multiplication share its view. A single call is not delayed.
type views struct {
	api *API

	mu      sync.Mutex
	next    *viewBatch // the next read; nil if no call waits for it
	reading bool       // run is under way
}

// viewBatch is one read.
type viewBatch struct {
	ids  map[identity.Owned]struct{}
	done chan struct{} // closed when the read has ended: views and err are set

	views map[identity.Owned]func() (view, error) // each renders once
	err   error
}

// get returns the view of a multiplication, which is not older than the call. Errors: store.ErrNotFound; those of ctx.
func (v *views) get(ctx context.Context, id identity.Owned) (view, error) {
	b := v.join(ctx, id)
	select {
	case <-b.done:
	case <-ctx.Done():
		return view{}, ctx.Err()
	}
	if b.err != nil {
		return view{}, b.err
	}
	rendered, ok := b.views[id]
	if !ok {
		return view{}, fmt.Errorf("multiplication %s: %w", id.ID, store.ErrNotFound)
	}
	found, err := rendered()
	if err == nil && found.body.Links.Jobs != "" && !identity.From(ctx).May(identity.ScopeAdmin) {
		found.body.Links.Jobs = "" // it was rendered for all
		return newView(found.body, found.final)
	}
	return found, err
}

// join adds a multiplication to the next read, and begins the read if none is under way. The read outlives ctx.
func (v *views) join(ctx context.Context, id identity.Owned) *viewBatch {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.next == nil {
		v.next = &viewBatch{ids: map[identity.Owned]struct{}{}, done: make(chan struct{})}
	}
	v.next.ids[id] = struct{}{}
	if !v.reading {
		v.reading = true
		go v.run(context.WithoutCancel(ctx)) //house:ignore bound each read has viewTimeout
	}
	return v.next
}

// run reads until no call waits.
func (v *views) run(ctx context.Context) {
	for {
		v.mu.Lock()
		b := v.next
		v.next = nil
		v.reading = b != nil
		v.mu.Unlock()
		if b == nil {
			return
		}
		b.views, b.err = v.read(ctx, b.ids)
		close(b.done)
	}
}

// read reads multiplications, and the contents of small results.
func (v *views) read(
	ctx context.Context, set map[identity.Owned]struct{},
) (map[identity.Owned]func() (view, error), error) {
	ctx, cancel := context.WithTimeout(ctx, viewTimeout)
	defer cancel()
	ids := make([]identity.Owned, 0, len(set))
	for id := range set {
		ids = append(ids, id)
	}
	all, err := v.api.jobs.GetAll(ctx, ids)
	if err != nil {
		return nil, err
	}
	contents, err := bulk.SmallResults(ctx, v.api.store, all)
	if err != nil {
		return nil, err
	}
	found := make(map[identity.Owned]func() (view, error), len(all))
	for _, m := range all {
		waiting := outlooks.Of(ctx, v.api.jobs.Queue().Line(), m)
		found[identity.Owned{Tenant: m.Tenant, ID: m.ID}] = sync.OnceValues(func() (view, error) {
			return v.render(ctx, m, waiting, contents[m.C.ID])
		})
	}
	return found, nil
}

func (v *views) render(
	ctx context.Context, m jobs.Multiplication, waiting *resource.Outlook, content []byte,
) (view, error) {
	body := v.api.multiplicationBody(identity.With(ctx, identity.Local()), m) // get leaves out what is for few
	body.Waiting = waiting
	if body.Result != nil {
		body.Result.Values = bulk.Values(m, content)
	}
	return newView(body, m.State.Final())
}

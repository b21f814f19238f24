package handlers

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/handlers/resource"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/matrix/jsonrows"
	"github.com/millrace/millrace/store"
)

// viewTimeout bounds one read of views while the database does not respond.
const viewTimeout = 10 * time.Second

// views reads multiplications for many waiters at once: requests that come while a read is under way share the next one, and requests
// for one multiplication share its view. A single request is not delayed.
type views struct {
	api *API

	mu      sync.Mutex
	next    *viewBatch // what the next read will read; nil: nothing
	reading bool
}

// viewBatch is the result of one read.
type viewBatch struct {
	ids  map[uuid.UUID]struct{}
	done chan struct{} // closed when the read has ended

	views map[uuid.UUID]func() (view, error) // renders once
	err   error
}

// get returns the view of a multiplication, which is not older than the call. Errors: store.ErrNotFound; those of ctx.
func (v *views) get(ctx context.Context, id uuid.UUID) (view, error) {
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
		return view{}, fmt.Errorf("multiplication %s: %w", id, store.ErrNotFound)
	}
	return rendered()
}

// join adds a multiplication to the next read.
func (v *views) join(ctx context.Context, id uuid.UUID) *viewBatch {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.next == nil {
		v.next = &viewBatch{ids: map[uuid.UUID]struct{}{}, done: make(chan struct{})}
	}
	v.next.ids[id] = struct{}{}
	if !v.reading {
		v.reading = true
		go v.run(context.WithoutCancel(ctx))
	}
	return v.next
}

// run reads until nothing is left to read.
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

// read reads multiplications, and the results of those that are completed and small.
func (v *views) read(ctx context.Context, set map[uuid.UUID]struct{}) (map[uuid.UUID]func() (view, error), error) {
	ctx, cancel := context.WithTimeout(ctx, viewTimeout)
	defer cancel()
	ids := make([]uuid.UUID, 0, len(set))
	for id := range set {
		ids = append(ids, id)
	}
	all, err := v.api.jobs.GetAll(ctx, ids)
	if err != nil {
		return nil, err
	}
	var small []uuid.UUID
	for _, m := range all {
		if m.State == jobs.Completed && m.C.Shape.Bytes() <= store.MaxInline {
			small = append(small, m.C.ID)
		}
	}
	var contents map[uuid.UUID][]byte
	if len(small) > 0 {
		if contents, err = v.api.store.Contents(ctx, small); err != nil {
			return nil, err
		}
	}
	found := make(map[uuid.UUID]func() (view, error), len(all))
	for _, m := range all {
		found[m.ID] = sync.OnceValues(func() (view, error) { return v.render(m, contents[m.C.ID]) })
	}
	return found, nil
}

func (v *views) render(m jobs.Multiplication, content []byte) (view, error) {
	body := v.api.multiplicationBody(m)
	if body.Result != nil {
		body.Result.Values = newRows(m, content)
	}
	return newView(body, m.State.Final())
}

// newRows returns the elements of a result as JSON; nil if it is not small, or has elements without that form.
func newRows(m jobs.Multiplication, content []byte) resource.Rows {
	shape := m.C.Shape
	if shape.Bytes() > store.MaxInline || shape.Bytes() != int64(len(content)) || shape.Rows > store.MaxInline {
		return nil
	}
	rows, err := jsonrows.AppendRows(nil, shape, content)
	if err != nil {
		return nil
	}
	return rows
}

package bulk

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/handlers/auth"
	"github.com/millrace/millrace/handlers/resource"
	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/store"
)

// Response is the response to a batch.
type Response struct {
	Replayed bool // an earlier request with the key has accepted all orders

	service  *Service
	request  Request
	outcomes []outcome
}

const (
	// maxWindow and maxWindowBytes bound how many outcomes are read at once, and the operands and results of these.
	maxWindow      = 1000
	maxWindowBytes = 256 << 10
	// findingMemory and perFindingByte are what it takes to read one outcome and to render it, in bytes: an element of 8
	// bytes has up to 24 characters.
	findingMemory  = 1 << 10
	perFindingByte = 4
)

// Send sends the response. If the request asks to wait, it waits for the multiplications in their order, with one limit
// for all, and sends what there is of each; NDJSON as soon as it is there.
func (r *Response) Send(ctx context.Context, w http.ResponseWriter) {
	wait := r.request.Waits
	if wait {
		leave, err := r.service.Held.Hold(ctx)
		if wait = err == nil; wait { // otherwise the response is sent at once: what was accepted is accepted
			defer leave()
		}
	}
	header := w.Header()
	header.Set("Content-Type", resource.MediaJSON)
	if r.request.Lines {
		header.Set("Content-Type", resource.MediaNDJSON)
	}
	if r.Replayed {
		header.Set("Idempotent-Replayed", "true")
	}
	if wait {
		header.Set("Preference-Applied", "wait="+strconv.FormatInt(int64(r.request.Limit/time.Second), 10))
	}
	out := newWriter(w, r.request.Lines, r.request.Prefix)
	out.begin()
	end := time.Now().Add(r.request.Limit)
	for rest := r.outcomes; len(rest) > 0 && out.err == nil; {
		n, size := window(rest)
		if wait {
			r.waitAndSend(ctx, out, rest[:n], size, time.Until(end))
		} else {
			out.all(rest[:n], nil)
		}
		rest = rest[n:]
	}
	out.end()
}

// window returns how many of the first outcomes are read at once, and the bytes of their operands and results.
func window(outcomes []outcome) (n, size int) {
	for n < min(maxWindow, len(outcomes)) {
		if size += outcomes[n].Bytes; n > 0 && size > maxWindowBytes {
			return n, size - outcomes[n].Bytes
		}
		n++
	}
	return n, size
}

// waitAndSend waits for multiplications and sends what there is of them then. What cannot be read is sent as it was
// accepted, and the service says why.
func (r *Response) waitAndSend(ctx context.Context, out *writer, outcomes []outcome, size int, limit time.Duration) {
	ids := make([]uuid.UUID, 0, len(outcomes))
	for _, o := range outcomes {
		if o.problem == nil {
			ids = append(ids, o.ID)
		}
	}
	memory := int64(len(ids)*findingMemory + size*perFindingByte)
	var found map[uuid.UUID]finding
	release, err := r.service.waitAndReserve(ctx, ids, limit, memory)
	if err == nil {
		defer release()
		found, err = r.service.find(ctx, ids)
	}
	if err != nil {
		_ = r.service.Problem(ctx, err) // it is logged or counted there
	} else {
		r.forget(ctx, outcomes, found)
	}
	out.all(outcomes, found)
	if r.request.Lines {
		out.flush()
	}
}

// waitAndReserve waits until multiplications have finished, or a time is over, and for the memory that it takes to send
// them.
func (s *Service) waitAndReserve(
	ctx context.Context, ids []uuid.UUID, limit time.Duration, memory int64,
) (release func(), err error) {
	if err := s.wait(ctx, ids, limit); err != nil {
		return nil, err
	}
	return s.Store.Store().Reserve(ctx, memory)
}

// forget gives multiplications that do not exist any more a problem.
func (r *Response) forget(ctx context.Context, outcomes []outcome, found map[uuid.UUID]finding) {
	for i, o := range outcomes {
		if _, ok := found[o.ID]; !ok && o.problem == nil {
			err := fmt.Errorf("multiplication %s: %w", o.ID, store.ErrNotFound)
			outcomes[i].problem = r.service.problem(ctx, err)
		}
	}
}

// keepInterval is how often a wait looks whether the key of its request is still valid.
const keepInterval = 15 * time.Second

// wait waits until multiplications have finished, or a time is over.
func (s *Service) wait(ctx context.Context, ids []uuid.UUID, limit time.Duration) error {
	if limit <= 0 {
		return ctx.Err()
	}
	kept, stop := auth.Keep(ctx, keepInterval)
	defer stop()
	return auth.Why(kept, s.Hub.WaitAll(kept, identity.Of(s.Store.ID(), ids...), limit))
}

// finding is a multiplication as it is now, with its result if that is small.
type finding struct {
	jobs.Multiplication
	values resource.Rows
}

// readTimeout bounds the reading of a window while the database does not respond.
const readTimeout = 10 * time.Second

// find reads multiplications and their small results.
func (s *Service) find(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]finding, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	all, err := s.Jobs.GetAll(ctx, identity.Of(s.Store.ID(), ids...))
	if err != nil {
		return nil, err
	}
	contents, err := SmallResults(ctx, s.Store.Store(), all)
	if err != nil {
		return nil, err
	}
	found := make(map[uuid.UUID]finding, len(all))
	for _, m := range all {
		found[m.ID] = finding{Multiplication: m, values: Values(m, contents[m.C.ID])}
	}
	return found, nil
}

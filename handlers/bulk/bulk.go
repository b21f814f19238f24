// Package bulk accepts many orders in one request. The request is read to its end before anything is accepted, so that
// one that is refused leaves nothing behind. Its orders are accepted in groups, in their order, each group in one
// transaction.
//
// The transaction of a group of a request with an idempotency key also saves what has become of the group's orders,
// under a key made of that of the request and the index of the first order. A repetition takes over what is saved,
// and goes on where that ends: after a crash, or beside another process that is at work on the same. So each order is
// accepted once.
package bulk

import (
	"context"
	"errors"
	"io"
	"runtime"
	"time"

	"github.com/millrace/millrace/handlers/guard"
	"github.com/millrace/millrace/handlers/payload"
	"github.com/millrace/millrace/handlers/problem"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/jobs/admission"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/watch"
)

// Service accepts batches.
type Service struct {
	Store    store.Tenant // for which they are
	Jobs     *jobs.Client
	Hub      *watch.Hub
	Held     *guard.Held
	Lanes    Lanes
	MaxBytes int64                              // of each operand and of the result
	Own      bool                               // priorities count among the tenant's own multiplications only
	Problem  func(context.Context, error) error // returns the error of Huma for one
}

// Request is a request for many multiplications.
type Request struct {
	Key         string // idempotency key, "" without one
	Path        string
	Body        *payload.Body
	Fingerprint func() []byte // of the request, once its body is read

	Waits  bool
	Limit  time.Duration // of the wait
	Lines  bool          // the client wants NDJSON
	Prefix string        // of paths
}

// outcome is what has become of an order.
type outcome struct {
	jobs.Accepted
	problem *problem.Problem // in place of a multiplication
}

// order is an order, or the problem of one that cannot be accepted.
type order struct {
	jobs.Order
	problem *problem.Problem
}

// Submit accepts what can be accepted of a request, and returns the outcomes.
func (s *Service) Submit(ctx context.Context, r Request) (*Response, error) {
	if r.Key == "" { // one with a key may have been accepted before
		if err := s.Jobs.AdmitAny(s.Store.ID()); err != nil {
			return nil, err
		}
	}
	expected, release, err := r.Body.ReserveOrders(ctx, s.Store.Store())
	if err != nil {
		return nil, err
	}
	defer release()
	b := &batch{
		service:   s,
		request:   r,
		admission: s.Jobs.NewBatch(s.Store.ID(), expected),
	}
	defer b.admission.End()
	if err := b.takeOver(ctx); err != nil {
		return nil, err
	}
	if b.complete() {
		err = r.Body.Drain()
	} else {
		err = b.read(ctx)
	}
	if err == nil {
		err = b.checkFingerprint()
	}
	if err == nil && !b.complete() {
		err = b.accept(ctx)
	}
	if err != nil {
		return nil, err
	}
	return &Response{
		Replayed: r.Key != "" && !b.accepted && len(b.outcomes) > 0,
		service:  s,
		request:  r,
		outcomes: b.outcomes,
	}, nil
}

// batch is a request that is under way.
type batch struct {
	service   *Service
	request   Request
	admission jobs.Batch
	orders    []order
	outcomes  []outcome // of the first orders
	accepted  bool      // this process has accepted some

	first *store.IdempotencyKey // what was saved of the first group, by this request or by an earlier one
	total int                   // orders, as it says
}

// read reads the orders.
func (b *batch) read(ctx context.Context) error {
	in := payload.NewOrders(b.request.Body, b.service.Store, b.service.MaxBytes)
	operands := 0
	for {
		s, err := in.Next(ctx)
		if err == io.EOF { //nolint:errorlint // it is never wrapped
			return nil
		}
		var o order
		if err == nil {
			s.MaxBytes = b.service.MaxBytes
			s.Own = b.service.Own
			o.Order, err = b.admission.NewOrder(s)
			if errors.Is(err, admission.ErrOverloaded) { // of the whole request: an outcome of one order would be kept
				return err
			}
			if err != nil {
				err = payload.OrderError{Err: err}
			}
		}
		var own payload.OrderError
		switch {
		case err == nil:
			operands += o.Bytes()
		case errors.As(err, &own):
			o.problem = b.service.problem(ctx, own.Err)
		default:
			return err
		}
		if operands > payload.MaxOperands {
			return payload.TooManyBytes()
		}
		if b.orders = append(b.orders, o); len(b.orders)%breath == 0 {
			runtime.Gosched()
		}
	}
}

// problem describes an error of one order.
func (s *Service) problem(ctx context.Context, err error) *problem.Problem {
	return problem.Of(s.Problem(ctx, err))
}

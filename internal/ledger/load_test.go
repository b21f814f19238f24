package ledger_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
)

// load is clients that submit multiplications of each kind, one after the other, and look at what becomes of them.
type load struct {
	d       *deployment
	book    *book
	http    *http.Client
	clients sync.WaitGroup
	stop    atomic.Bool
	cancel  context.CancelFunc
	target  func() string // address of the API for the next request
	repeats bool          // requests that were accepted are sent again, some of them at the same time
}

// newLoad returns a load without clients.
func (d *deployment) newLoad(b *book) *load {
	return &load{
		d:      d,
		book:   b,
		http:   &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 20 + crowd}},
		cancel: func() {},
		target: func() string { return *d.server.Load() },
	}
}

// beginLoad begins a mixed load.
func (d *deployment) beginLoad(b *book) *load {
	l := d.newLoad(b)
	var ctx context.Context
	ctx, l.cancel = context.WithCancel(context.WithoutCancel(d.t.Context()))
	clients := []func() order{small, small, small, small, awaited, awaited, withdrawn, withdrawn, stored, large, regretted}
	for _, next := range clients {
		l.clients.Go(func() { l.run(ctx, next) })
	}
	l.clients.Go(func() { l.crowd(ctx) })
	return l
}

// crowd is how many small multiplications are submitted at a time, again and again: they share transactions and jobs.
const crowd = 40

func (l *load) crowd(ctx context.Context) {
	kinds := []func() order{small, small, awaited, withdrawn}
	for !l.stop.Load() && ctx.Err() == nil {
		var all sync.WaitGroup
		for i := range crowd {
			all.Go(func() { l.order(ctx, kinds[i%len(kinds)]()) })
		}
		all.Wait()
	}
}

// end lets the clients see their last multiplications end, for some time at most. It returns how long that took.
func (l *load) end(within time.Duration) time.Duration {
	began := time.Now()
	l.stop.Store(true)
	timer := time.AfterFunc(within, l.cancel)
	defer timer.Stop()
	l.clients.Wait()
	l.cancel()
	l.http.CloseIdleConnections()
	return time.Since(began)
}

// run is one client.
func (l *load) run(ctx context.Context, next func() order) {
	for !l.stop.Load() && ctx.Err() == nil {
		l.order(ctx, next())
		pause(ctx, 20*time.Millisecond)
	}
}

// order submits one multiplication and looks at what becomes of it.
func (l *load) order(ctx context.Context, o order) {
	id, err := l.submit(ctx, o)
	if err == nil {
		l.finish(ctx, id, o)
	} else if ctx.Err() == nil {
		l.book.complain(fmt.Errorf("%s: %w", o.kind, err))
	}
}

// finish looks at what becomes of a multiplication that was accepted.
func (l *load) finish(ctx context.Context, id string, o order) {
	if err := l.follow(ctx, id, o); err != nil && ctx.Err() == nil {
		l.book.complain(fmt.Errorf("%s %s: %w", o.kind, id, err))
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// errUnavailable is a response, or none, after which a client tries again.
var errUnavailable = errors.New("unavailable")

// request sends one request with some headers, pairs of name and value of which empty ones are not sent, and returns
// the body of a response with success.
func (l *load) request(ctx context.Context, method, path string, body []byte, headers ...string) (text []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, waitTimeout) // beyond the deadline of any request
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, l.target()+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "application/json")
	for i := 0; i < len(headers); i += 2 {
		if headers[i+1] != "" {
			r.Header.Set(headers[i], headers[i+1])
		}
	}
	response, err := l.http.Do(r)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUnavailable, err)
	}
	defer func() { _ = response.Body.Close() }()
	if text, err = io.ReadAll(response.Body); err != nil {
		return nil, fmt.Errorf("%w: %w", errUnavailable, err)
	}
	if response.StatusCode < http.StatusMultipleChoices {
		return text, nil
	}
	l.book.refuse(response.StatusCode)
	switch {
	case retryable[response.StatusCode] && response.Header.Get("Retry-After") != "":
		return nil, fmt.Errorf("%w: %s", errUnavailable, text)
	case response.StatusCode == http.StatusConflict:
		return nil, fmt.Errorf("%w: %s", errConflict, text)
	case response.StatusCode == http.StatusNotFound:
		return nil, fmt.Errorf("%w: %s", errMissing, text)
	}
	return nil, fmt.Errorf("%s %s: %s, %s", method, path, response.Status, text)
}

// retryable are the statuses of a refusal after which a client tries again, when it is told when.
var retryable = map[int]bool{
	http.StatusTooManyRequests:     true,
	http.StatusServiceUnavailable:  true,
	http.StatusInsufficientStorage: true,
}

// errConflict is a 409, and errMissing a 404.
var (
	errConflict = errors.New("conflict")
	errMissing  = errors.New("missing")
)

// insist repeats a request until there is a response that is no refusal, or the load ends.
func (l *load) insist(
	ctx context.Context, method, path, contentType string, body []byte, out any, headers ...string,
) error {
	headers = append(headers, "Content-Type", contentType)
	if method == http.MethodPost && !slices.Contains(headers, "Idempotency-Key") {
		headers = append(headers, "Idempotency-Key", uuid.NewString())
	}
	for {
		text, err := l.request(ctx, method, path, body, headers...)
		switch {
		case err == nil && out != nil:
			if content, ok := out.(*[]byte); ok {
				*content = text
				return nil
			}
			return json.Unmarshal(text, out)
		case err == nil, !errors.Is(err, errUnavailable), ctx.Err() != nil:
			return err
		}
		pause(ctx, 50*time.Millisecond)
	}
}

// multiplication has the members that the clients read.
type multiplication struct {
	ID      string
	State   string
	Failure string
	Errors  []struct{ Message string }
}

func (m multiplication) final() bool {
	return m.State == "completed" || m.State == "failed" || m.State == "cancelled"
}

// submit submits an order, until it is accepted, and writes it down.
func (l *load) submit(ctx context.Context, o order) (id string, err error) {
	body, err := o.body(func(npy []byte) (id string, err error) {
		var stored struct{ ID string }
		err = l.insist(ctx, http.MethodPost, "/v1/matrices", "application/x-npy", npy, &stored)
		return stored.ID, err
	})
	if err != nil {
		return "", err
	}
	prefer := ""
	if o.waits {
		prefer = "wait=10"
	}
	var m multiplication
	text, err := l.accepted(ctx, "/v1/multiplications", cmp.Or(o.media, "application/json"), prefer, body, idOf)
	if err == nil {
		err = json.Unmarshal(text, &m)
	}
	if err != nil {
		return "", err
	}
	l.book.accept(m.ID, o)
	return m.ID, nil
}

// follow waits for the end of a multiplication and checks its values.
func (l *load) follow(ctx context.Context, id string, o order) error {
	path := "/v1/multiplications/" + id
	switch {
	case o.regretted:
		if err := l.regret(ctx, path); err != nil {
			return err
		}
	case o.fate == cancelled:
		return l.abandon(ctx, id, path)
	}
	m, err := l.await(ctx, path)
	if err != nil {
		return err
	}
	l.book.finish(id, m)
	if m.State != "completed" {
		return nil // the audit complains
	}
	if err := o.check(result{l, ctx, path + "/result"}); err != nil {
		return err
	}
	l.book.checked.Add(1)
	if o.fate == deleted {
		return l.erase(ctx, id, path)
	}
	return nil
}

// result is a result as a client reads it.
type result struct {
	load *load
	ctx  context.Context
	path string
}

// window reads a window of the result, or all of it.
func (r result) window(query string) (values [][]float64, err error) {
	var matrix struct{ Values [][]float64 }
	err = r.load.insist(r.ctx, http.MethodGet, r.path+query, "", nil, &matrix)
	return matrix.Values, err
}

// npy reads all of the result as a .npy file.
func (r result) npy() (content []byte, err error) {
	err = r.load.insist(r.ctx, http.MethodGet, r.path, "", nil, &content, "Accept", "application/x-npy")
	return content, err
}

// await waits until a multiplication is final.
func (l *load) await(ctx context.Context, path string) (m multiplication, err error) {
	for !m.final() {
		pause(ctx, 20*time.Millisecond)
		if err := l.insist(ctx, http.MethodGet, path, "", nil, &m); err != nil {
			return m, err
		}
	}
	return m, nil
}

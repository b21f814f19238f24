package ledger_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"
)

// The load of the soak.
const (
	soakRetention = 2 * time.Minute // so that what expires and what comes are in balance soon
	soakRate      = 1000            // multiplications in a minute, one request each
	soakBurst     = 2000            // multiplications in one request
	soakBursts    = 30 * time.Second
)

// soakOrder returns the nth multiplication: of a hundred one is large, five are stored, four cancelled and retried.
func soakOrder(n int) order {
	switch n %= 100; {
	case n == 50:
		return large()
	case n%20 == 5:
		return stored()
	case n%25 == 6:
		return withdrawn()
	case n%2 == 0:
		return awaited()
	}
	return small()
}

// TestSoak: under a load that goes on, nothing grows once what expires and what comes are in balance: neither memory,
// goroutines and connections of the processes, nor tables, indexes and blocks. `make soak` runs it.
func TestSoak(t *testing.T) {
	if *soakFlag == 0 {
		t.Skip("it takes minutes: make soak")
	}
	d := prepare(t, "MILLRACE_RETENTION="+soakRetention.String())
	d.startAPI("127.0.0.1:0")
	for range workerCount {
		d.startWorker()
	}
	b := newBook()
	l := d.newLoad(b)
	ctx, cancel := context.WithTimeout(t.Context(), *soakFlag)
	defer cancel()
	var clients sync.WaitGroup
	clients.Go(func() { l.steady(ctx, &clients) })
	clients.Go(func() { l.bursts(ctx) })
	log := d.measure(ctx)
	clients.Wait()
	l.http.CloseIdleConnections()
	for _, err := range b.complaints {
		t.Error(err)
	}
	for id, m := range b.ended {
		if m.State != "completed" {
			t.Errorf("%s has ended as %+v, want completed", id, m)
		}
	}
	t.Logf("%d accepted, %d checked, %d refused\n%s", b.count(), b.checked.Load(), b.refusals(), log.table())
	log.judge(t)
	if *docsFlag != "" {
		log.plot(t, *docsFlag)
	}
}

// steady submits multiplications at a rate, whether the last ones have ended or not.
func (l *load) steady(ctx context.Context, clients *sync.WaitGroup) {
	ticker := time.NewTicker(time.Minute / soakRate)
	defer ticker.Stop()
	patient := context.WithoutCancel(ctx) // what was submitted is followed to its end
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			clients.Go(func() { l.order(patient, soakOrder(n)) })
		}
	}
}

// bursts submits many multiplications in one request, again and again.
func (l *load) bursts(ctx context.Context) {
	for ctx.Err() == nil {
		if err := l.burst(context.WithoutCancel(ctx), soakBurst); err != nil {
			l.book.complain(fmt.Errorf("a burst: %w", err))
		}
		pause(ctx, soakBursts)
	}
}

// burst submits many small multiplications in one request, and waits for the last one.
func (l *load) burst(ctx context.Context, n int) error {
	orders := make([]order, n)
	body := bytes.NewBufferString("[")
	for i := range orders {
		orders[i] = small()
		text, err := orders[i].body(nil)
		if err != nil {
			return err
		}
		if i > 0 {
			body.WriteByte(',')
		}
		body.Write(text)
	}
	body.WriteByte(']')
	var batch struct{ Items []multiplication }
	err := l.insist(ctx, http.MethodPost, "/v1/multiplications:batch", "application/json", body.Bytes(), &batch)
	if err != nil {
		return err
	}
	if len(batch.Items) != n {
		return fmt.Errorf("%d items, want %d", len(batch.Items), n)
	}
	for i, m := range batch.Items {
		l.book.accept(m.ID, orders[i])
	}
	return l.follow(ctx, batch.Items[n-1].ID, orders[n-1])
}

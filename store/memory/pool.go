package memory

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Pool lends memory. Those that wait are served in the order of their arrival, except that a small request may pass a
// larger one that has just come, and that a client with more than its share does not keep others from theirs.
type Pool struct {
	size int64

	mutex   sync.Mutex
	used    int64
	loans   []*loan   // oldest first
	queue   []*waiter // oldest first
	clients map[string]*share
	pressed time.Time // when those that hold memory were looked at last
}

// share is what a client has of a pool.
type share struct {
	held    int64
	entries int // loans and waiters
}

// loan is memory that is lent.
type loan struct {
	holder *Holder
	bytes  int64
	ending bool // its holder has been told to end
	ended  bool // it has been given back
	mark   mark
}

// mark is where a holder was when it was looked at.
type mark struct {
	at     time.Time
	waited time.Duration
	moved  int64
}

// waiter is a request that waits for memory.
type waiter struct {
	holder  *Holder
	bytes   int64
	since   time.Time
	granted chan *loan // has room for one
}

// NewPool returns a pool of size bytes.
func NewPool(size int64) *Pool { return &Pool{size: size, clients: map[string]*share{}} }

// Size returns how many bytes the pool has.
func (p *Pool) Size() int64 { return p.size }

// Used returns how many bytes are lent.
func (p *Pool) Used() int64 {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.used
}

// Waiting returns how many requests wait.
func (p *Pool) Waiting() int64 {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return int64(len(p.queue))
}

// Lend waits for n bytes, or for the whole pool if that is less, and returns the function that gives them back. They
// are lent to the Holder in ctx. ErrBusy when it takes too long. A caller must not wait for more of a pool while it
// holds some of it.
func (p *Pool) Lend(ctx context.Context, n int64) (release func(), err error) {
	w := waiter{holder: holderOf(ctx), bytes: min(n, p.size)}
	l := p.lendAtOnce(w)
	if l == nil {
		if l, err = p.await(ctx, p.enqueue(w)); err != nil {
			return nil, fmt.Errorf("waiting for %d bytes of memory: %w", w.bytes, err)
		}
	}
	return func() { p.giveBack(l) }, nil
}

// lendAtOnce lends to a request that need not wait: no other does, and it fits. Otherwise it returns nil.
func (p *Pool) lendAtOnce(w waiter) *loan {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if len(p.queue) > 0 || p.used+w.bytes > p.size || p.tooMuch(&w) {
		return nil
	}
	p.shareOf(w.holder).entries++
	return p.lend(&w)
}

// enqueue has a request wait.
func (p *Pool) enqueue(w waiter) *waiter {
	w.since = time.Now()
	w.granted = make(chan *loan, 1)
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.shareOf(w.holder).entries++
	p.queue = append(p.queue, &w)
	p.serve(w.since)
	return &w
}

// lend lends what there is to a request.
func (p *Pool) lend(w *waiter) *loan {
	l := &loan{holder: w.holder, bytes: w.bytes}
	p.loans = append(p.loans, l)
	p.used += l.bytes
	p.shareOf(l.holder).held += l.bytes
	l.holder.borrow()
	return l
}

// await waits until a request is served.
func (p *Pool) await(ctx context.Context, w *waiter) (*loan, error) {
	select {
	case l := <-w.granted:
		return l, nil
	default:
	}
	timeout := time.NewTimer(waitTime)
	defer timeout.Stop()
	ticker := time.NewTicker(pressure)
	defer ticker.Stop()
	for {
		select {
		case l := <-w.granted:
			return l, nil
		case now := <-ticker.C:
			p.press(now)
			continue
		case <-timeout.C:
		case <-ctx.Done():
		}
		return p.leave(ctx, w)
	}
}

// leave ends the wait of a request that may have been served at the last moment.
func (p *Pool) leave(ctx context.Context, w *waiter) (*loan, error) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	select {
	case l := <-w.granted:
		return l, nil
	default:
	}
	p.queue = slices.DeleteFunc(p.queue, func(other *waiter) bool { return other == w })
	p.forget(w.holder)
	p.serve(time.Now())
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return nil, ErrBusy
}

// serve lends what there is to those that wait.
func (p *Pool) serve(now time.Time) {
	for i := 0; i < len(p.queue); {
		w := p.queue[i]
		fits := p.used+w.bytes <= p.size
		switch {
		case !fits && now.Sub(w.since) < sample: // those after it may pass
			i++
		case p.tooMuch(w):
			i++
		case fits:
			p.queue = slices.Delete(p.queue, i, i+1)
			w.granted <- p.lend(w)
		default:
			return // it has been passed long enough
		}
	}
}

// tooMuch reports whether a request would give a client more than its share while there are others. A client that holds
// nothing gets what it asks for.
func (p *Pool) tooMuch(w *waiter) bool {
	s := p.clients[w.holder.client]
	return s != nil && len(p.clients) > 1 && s.held > 0 && s.held+w.bytes > p.size/2
}

// giveBack ends a loan, once.
func (p *Pool) giveBack(l *loan) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if l.ended {
		return
	}
	l.ended = true
	p.loans = slices.DeleteFunc(p.loans, func(other *loan) bool { return other == l })
	p.used -= l.bytes
	p.shareOf(l.holder).held -= l.bytes
	l.holder.giveBack()
	p.forget(l.holder)
	if len(p.queue) > 0 {
		p.serve(time.Now())
	}
}

// shareOf returns the share of a holder's client.
func (p *Pool) shareOf(h *Holder) *share {
	s := p.clients[h.client]
	if s == nil {
		s = &share{}
		p.clients[h.client] = s
	}
	return s
}

// forget takes a loan or a waiter off a client's share.
func (p *Pool) forget(h *Holder) {
	s := p.shareOf(h)
	if s.entries--; s.entries == 0 {
		delete(p.clients, h.client)
	}
}

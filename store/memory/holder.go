package memory

import (
	"context"
	"net/netip"
	"sync"
	"time"
)

// Holder is a request that may hold memory. It knows how long the server has waited for the client, and how much has
// moved in that time: how long the client waits for the server does not count.
type Holder struct {
	client string

	mutex  sync.Mutex
	moved  int64
	waited time.Duration
	since  time.Time             // beginning of the present wait for the client; zero without one
	set    func(time.Time) error // sets the deadline of that wait
	loans  int                   // that have not been given back
	err    error                 // why the transfer has to end for as long as it has loans, or nil
}

// NewHolder returns the holder for a request from an address with a port, as net/http tells it. All addresses of a
// network of IPv6 are one client.
func NewHolder(addr string) *Holder {
	h := &Holder{client: addr}
	if parsed, err := netip.ParseAddrPort(addr); err == nil {
		ip := parsed.Addr().Unmap().WithZone("")
		h.client = ip.String()
		if ip.Is6() {
			prefix, _ := ip.Prefix(64) //nolint:mnd // the size of the smallest network
			h.client = prefix.String()
		}
	}
	return h
}

// Begin notes that the server begins to wait for the client now. setDeadline sets when that wait ends: the holder calls
// it with a time that is over when the transfer has to end. The error is the reason if it has to end already.
func (h *Holder) Begin(now time.Time, setDeadline func(time.Time) error) error {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.since = now
	h.set = setDeadline
	return h.err
}

// End notes that n bytes have moved by now. The error is the reason if the transfer has to end.
func (h *Holder) End(now time.Time, n int) error {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.waited += now.Sub(h.since)
	h.since = time.Time{}
	h.set = nil
	h.moved += int64(n)
	return h.err
}

// progress returns how long the server has waited for the client, and how many bytes have moved.
func (h *Holder) progress(now time.Time) (waited time.Duration, moved int64) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	waited = h.waited
	if !h.since.IsZero() {
		waited += now.Sub(h.since)
	}
	return waited, h.moved
}

// borrow counts a loan.
func (h *Holder) borrow() {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.loans++
}

// giveBack counts a loan that has been given back. Without any, the transfer may go on: the response can be sent.
func (h *Holder) giveBack() {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	if h.loans--; h.loans == 0 {
		h.err = nil
	}
}

// end makes the transfer end.
func (h *Holder) end(reason error) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	if h.err != nil {
		return
	}
	h.err = reason
	if h.set != nil {
		_ = h.set(time.Unix(1, 0)) // a connection that is gone has no deadline
	}
}

type holderKey struct{}

// With returns a context in which what is lent is lent to h.
func With(ctx context.Context, h *Holder) context.Context {
	return context.WithValue(ctx, holderKey{}, h)
}

// holderOf returns the holder in a context, or one that waits for no client.
func holderOf(ctx context.Context) *Holder {
	if h, ok := ctx.Value(holderKey{}).(*Holder); ok {
		return h
	}
	return &Holder{}
}

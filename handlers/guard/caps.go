package guard

import (
	"net/http"
	"net/netip"
	"sync"

	"github.com/millrace/millrace/handlers/problem"
)

// Cap bounds how many of something there are at once: in all, and half as many of one client. So one client, or all
// clients behind one proxy that is not known to be one, cannot take everything, and a proxy can still take much.
type Cap struct {
	limit int // 0 is none
	all   Reason
	one   Reason

	mu      sync.Mutex
	taken   int
	clients map[netip.Addr]int
}

// NewCap returns a cap, and the reasons for which it refuses: too many in all, and too many of one client. A limit of 0
// is none.
func NewCap(limit int, all, one Reason) *Cap {
	return &Cap{
		limit:   limit,
		all:     all,
		one:     one,
		clients: map[netip.Addr]int{},
	}
}

// Take takes a place for a client, and returns the function that gives it back, or the reason why there is none. The
// zero client is that of a proxy that does not name one: for it only the whole counts.
func (c *Cap) Take(client netip.Addr) (release func(), refused Reason) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.limit > 0 && c.taken >= c.limit:
		return nil, c.all
	case c.limit > 0 && client.IsValid() && c.clients[client] >= max(1, c.limit/2):
		return nil, c.one
	}
	c.taken++
	if client.IsValid() {
		c.clients[client]++
	}
	return sync.OnceFunc(func() { c.release(client) }), ""
}

func (c *Cap) release(client netip.Addr) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.taken--
	if !client.IsValid() {
		return
	}
	if c.clients[client]--; c.clients[client] == 0 {
		delete(c.clients, client)
	}
}

// Taken returns how many places are taken.
func (c *Cap) Taken() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.taken
}

// Busy refuses a request for which there is no place.
func Busy(w http.ResponseWriter, reason Reason) {
	code, detail := problem.Busy, "too many requests are in flight, try again later"
	if reason == ClientConnections {
		code, detail = problem.ManyOpen, "this client has too many requests in flight, try again later"
	}
	w.Header().Set("Retry-After", "1")
	refuse(w, code, detail)
}

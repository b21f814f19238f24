package wire

import (
	"context"
	"net"
	"sync"
	"time"
)

// reset closes a connection at once, so that the other side sees an error.
func reset(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// pass forwards both directions of a connection until one of them ends.
func (w *Wire) pass(ctx context.Context, client net.Conn) {
	if w.shut.Load() {
		w.refused.Add(1)
		_ = client.Close()
		return
	}
	w.mu.Lock()
	network, address := w.network, w.address
	w.mu.Unlock()
	server, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		w.refused.Add(1)
		_ = client.Close()
		return
	}
	if w.register(client, server) {
		var responses sync.WaitGroup
		responses.Go(func() { w.forward(client, server, Responses) })
		w.forward(server, client, Statements)
		responses.Wait()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.conns, client)
	delete(w.conns, server)
}

// register lets Break find both ends of a connection; it reports false, and resets them, when the wire is shut by now.
func (w *Wire) register(client, server net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.shut.Load() {
		reset(client)
		reset(server)
		return false
	}
	w.conns[client] = struct{}{}
	w.conns[server] = struct{}{}
	return true
}

// chunk is what one read has returned, and when it is due.
type chunk struct {
	data []byte
	due  time.Time
}

// held is how many chunks of a direction wait at most.
const held = 1000

// forward forwards one direction, and closes both ends when it ends.
func (w *Wire) forward(to, from net.Conn, d Direction) {
	chunks := make(chan chunk, held)
	var writer sync.WaitGroup
	writer.Go(func() {
		for c := range chunks {
			w.wait(c.due, d)
			if _, err := to.Write(c.data); err != nil {
				break
			}
		}
		_ = from.Close()
		for range chunks { // until the reader has noticed
		}
	})
	for {
		data := make([]byte, 64<<10)
		n, err := from.Read(data)
		if n > 0 && d == Responses && w.loses(data[:n]) {
			reset(to)
			break
		}
		c := chunk{data: data[:n], due: time.Now()}
		if d == Responses {
			c.due = c.due.Add(time.Duration(w.delay.Load()))
		}
		chunks <- c // an empty one at the end: a silence also holds back that there is an end
		if err != nil {
			break
		}
	}
	close(chunks)
	writer.Wait()
	_ = to.Close()
}

// wait returns when a chunk is due and its direction is not silent, or at the end of the test.
func (w *Wire) wait(due time.Time, d Direction) {
	if late := time.Until(due); late > 0 {
		timer := time.NewTimer(late)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-w.done:
		}
	}
	w.mu.Lock()
	silent := w.silent[d]
	w.mu.Unlock()
	if silent != nil {
		select {
		case <-silent:
		case <-w.done:
		}
	}
}

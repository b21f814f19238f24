package memory

import (
	"context"
	"errors"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// client is a holder that moves bytes at a rate until it is told to end.
type client struct {
	t      *testing.T
	holder *Holder
	ended  chan error
}

func newClient(t *testing.T, addr string) *client {
	t.Helper()
	return &client{
		t:      t,
		holder: NewHolder(addr),
		ended:  make(chan error, 1),
	}
}

// lend borrows, and returns the function that gives back.
func (c *client) lend(p *Pool, n int64) (func(), error) {
	return p.Lend(With(c.t.Context(), c.holder), n)
}

// transfer borrows n bytes and moves some each second, until it has to end or until stop is closed.
func (c *client) transfer(p *Pool, n, perSecond int64, stop <-chan struct{}) {
	release, err := c.lend(p, n)
	if err != nil {
		c.ended <- err
		return
	}
	defer release()
	for {
		now := make(chan struct{})
		if err := c.holder.Begin(time.Now(), func(time.Time) error { close(now); return nil }); err != nil {
			c.ended <- err
			return
		}
		select {
		case <-time.After(time.Second):
		case <-now:
		case <-stop:
		}
		err := c.holder.End(time.Now(), int(perSecond))
		select {
		case <-stop:
			c.ended <- nil
			return
		default:
		}
		if err != nil {
			c.ended <- err
			return
		}
	}
}

const size = 1200

// TestSlowHolders: those that hold all memory and move little of it end when another one waits, as few as it takes;
// one that moves enough does not.
func TestSlowHolders(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := NewPool(size)
		stop := make(chan struct{})
		rates := []int64{1, 4, 2, 6} // of 400, 300, 300 and 200 bytes; 6.7, 5, 5 and 3.3 are due
		clients := make([]*client, len(rates))
		for i, n := range []int64{400, 300, 300, 200} {
			clients[i] = newClient(t, "10.0.0.1:1")
			go clients[i].transfer(p, n, rates[i], stop)
			synctest.Wait()
		}
		time.Sleep(time.Hour) // nothing happens while nothing waits
		if used := p.Used(); used != size {
			t.Fatalf("%d bytes are in use, want %d", used, size)
		}
		begin := time.Now()
		release, err := newClient(t, "10.0.0.1:2").lend(p, 300)
		if err != nil {
			t.Fatalf("Lend() = %v, want success", err)
		}
		if d := time.Since(begin); d > waitTime/2 {
			t.Errorf("it took %v, want less than half of %v", d, waitTime)
		}
		if err := <-clients[0].ended; !errors.Is(err, ErrSlow) || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("the slowest ended with %v, want ErrSlow", err)
		}
		release()
		close(stop)
		for i, c := range clients[1:] {
			if err := <-c.ended; err != nil {
				t.Errorf("transfer %d ended with %v, want success", i+1, err)
			}
		}
	})
}

// TestWaitingForServer: the time in which a client waits for the server does not count.
func TestWaitingForServer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := NewPool(size)
		holder := newClient(t, "10.0.0.1:1")
		release, err := holder.lend(p, size)
		if err != nil {
			t.Fatal(err)
		}
		defer release()
		if _, err := newClient(t, "10.0.0.2:1").lend(p, 1); !errors.Is(err, ErrBusy) {
			t.Errorf("Lend() = %v, want ErrBusy", err)
		}
		if err := holder.holder.End(time.Now(), 0); err != nil {
			t.Errorf("the holder has to end: %v", err)
		}
	})
}

// TestShareOfClient: a client gets all there is while it is alone. When another one comes, its newest transfers end
// until the other one has room, and it gets no more than half again.
func TestShareOfClient(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := NewPool(size)
		stop := make(chan struct{})
		var clients []*client
		for range 4 {
			c := newClient(t, "[2001:db8::1]:1")
			go c.transfer(p, size/4, size, stop)
			synctest.Wait()
			clients = append(clients, c)
		}
		release, err := newClient(t, "[2001:db9::1]:1").lend(p, size/4)
		if err != nil {
			t.Fatalf("Lend() = %v, want success", err)
		}
		if err := <-clients[3].ended; !errors.Is(err, ErrBusy) {
			t.Errorf("the newest ended with %v, want ErrBusy", err)
		}
		release()
		synctest.Wait()
		release, err = newClient(t, "[2001:db9::1]:1").lend(p, 1)
		if err != nil {
			t.Fatal(err)
		}
		same := newClient(t, "[2001:db8::ffff]:2") // of the same network
		if _, err := same.lend(p, size/8); !errors.Is(err, ErrBusy) {
			t.Errorf("more than a share: %v, want ErrBusy", err)
		}
		release()
		more, err := same.lend(p, size/8)
		if err != nil {
			t.Errorf("alone again: %v, want success", err)
		} else {
			more()
		}
		close(stop)
		for _, c := range clients[:3] {
			if err := <-c.ended; err != nil {
				t.Errorf("a transfer within the share ended with %v, want success", err)
			}
		}
	})
}

// TestSmallOnesPass: a request that fits passes one that does not, but not without end.
func TestSmallOnesPass(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := NewPool(size)
		held, err := p.Lend(t.Context(), size/2)
		if err != nil {
			t.Fatal(err)
		}
		large := make(chan func())
		go func() {
			release, _ := p.Lend(t.Context(), size)
			large <- release
		}()
		synctest.Wait()
		small, err := p.Lend(t.Context(), 1)
		if err != nil {
			t.Fatalf("a small request: %v, want success", err)
		}
		small()
		time.Sleep(sample) // of the bubble's clock
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := p.Lend(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a small request after a while: %v, want it to wait", err)
		}
		held()
		(<-large)()
		if used, waiting := p.Used(), p.Waiting(); used != 0 || waiting != 0 {
			t.Errorf("%d bytes in use and %d waiting, want none", used, waiting)
		}
	})
}

// TestResponseAfterTheEnd: a transfer that had to end may send its response once it has given everything back.
func TestResponseAfterTheEnd(t *testing.T) {
	t.Parallel()
	p := NewPool(size)
	c := newClient(t, "10.0.0.1:1")
	release, err := c.lend(p, 1)
	if err != nil {
		t.Fatal(err)
	}
	c.holder.end(ErrSlow)
	if err := c.holder.Begin(time.Now(), nil); !errors.Is(err, ErrSlow) {
		t.Errorf("Begin() = %v, want ErrSlow", err)
	}
	release()
	if err := c.holder.End(time.Now(), 0); err != nil {
		t.Errorf("End() = %v, want success", err)
	}
}

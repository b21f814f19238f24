package client

import (
	"context"
	"crypto/tls"
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"time"
)

// The pauses between attempts double from 100 ms to 5 s, each jittered to between half and all of it. The policy is
// separate from that of the server's jobs, which pause from seconds to minutes: this package must not import the
// server's.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = 5 * time.Second
)

// retry repeats an attempt until it succeeds, fails with a permanent error, or has been retried c.Retries times.
func (c *Client) retry(ctx context.Context, attempt func() error) error {
	for failed := 0; ; failed++ {
		err := attempt()
		if err == nil || failed >= c.Retries || !c.transient(ctx, err) {
			return err
		}
		if err := c.pause(ctx, failed, err); err != nil {
			return err
		}
	}
}

// pause waits before the next attempt; failed counts the failures before cause.
func (c *Client) pause(ctx context.Context, failed int, cause error) error {
	pause := min(lastPause, firstPause<<min(failed, 10))
	pause = pause/2 + rand.N(pause/2) //nolint:gosec // jitter is no secret
	var problem *Error
	if errors.As(cause, &problem) {
		pause = max(pause, problem.retryAfter)
	}
	if c.Retrying != nil {
		c.Retrying(cause, pause)
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// transient reports whether another attempt may succeed. A connection that cannot be made is taken for a wrong address
// until the server has responded once; after that, the server is taken to be restarting.
func (c *Client) transient(ctx context.Context, err error) bool {
	var permanent *permanentError
	if ctx.Err() != nil || errors.As(err, &permanent) {
		return false
	}
	var problem *Error
	if errors.As(err, &problem) {
		switch problem.Status {
		case http.StatusRequestTimeout,
			http.StatusTooManyRequests,
			http.StatusBadGateway,
			http.StatusServiceUnavailable,
			http.StatusGatewayTimeout:
			return true
		}
		return false
	}
	return c.reached.Load() || !wrongAddress(err)
}

// wrongAddress reports whether no connection could be made, or the other side does not speak the protocol of the
// address.
func wrongAddress(err error) bool {
	var operation *net.OpError
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	return errors.As(err, &operation) && operation.Op == "dial" || errors.Is(err, http.ErrSchemeMismatch) ||
		errors.As(err, &certificate) || errors.As(err, &record)
}

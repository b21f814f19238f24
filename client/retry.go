package client

import (
	"context"
	"crypto/tls"
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"time"
)

// The pauses between attempts: 100 ms, 200 ms … 5 s, each between a half and the whole of it. Together they outlast a
// server that restarts.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = 5 * time.Second
	maxPause   = time.Minute // that a server may ask for
)

// retry tries something again and again until it succeeds, fails for good, or has failed too often.
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

// pause waits before the next attempt.
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

// transient reports whether an error may pass. That nobody listens at an address, or somebody who speaks otherwise, is taken
// for a wrong address, unless there has been an answer before.
func (c *Client) transient(ctx context.Context, err error) bool {
	if ctx.Err() != nil || errors.Is(err, errFinal) {
		return false
	}
	var problem *Error
	if errors.As(err, &problem) {
		switch problem.Status {
		case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout,
			http.StatusRequestTimeout:
			return true
		}
		return false
	}
	return c.reached.Load() || !wrongAddress(err)
}

// wrongAddress reports whether an error is of the making of a connection.
func wrongAddress(err error) bool {
	var operation *net.OpError
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	return errors.As(err, &operation) && operation.Op == "dial" || errors.Is(err, http.ErrSchemeMismatch) ||
		errors.As(err, &certificate) || errors.As(err, &record)
}

// errFinal marks errors that no other attempt can mend.
var errFinal = errors.New("")

// retryAfter returns the pause that a server asks for.
func retryAfter(header string) time.Duration {
	seconds, err := strconv.Atoi(header)
	if err != nil || seconds < 0 {
		return 0
	}
	return min(maxPause, time.Duration(seconds)*time.Second)
}

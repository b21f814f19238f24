package webhook

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"

	"github.com/millrace/millrace/internal/tracing"
)

const (
	// Timeout bounds an attempt, from the look for the host to the end of the response.
	Timeout = 15 * time.Second
	// dialTimeout bounds the connection, of which a host may have several addresses, and the handshake.
	dialTimeout = 10 * time.Second
	// maxResponse is how much of a response is read: what it says is not kept, and a connection that has more to say is
	// closed.
	maxResponse = 16 << 10
	// maxResponseHead bounds the head of a response.
	maxResponseHead = 32 << 10
	// idleTimeout is how long a connection is kept for the next message.
	idleTimeout = 30 * time.Second
	// maxIdle is how many connections are kept.
	maxIdle = 100
)

// ErrGone means that a receiver does not want messages any more: it has responded with 410.
var ErrGone = errors.New("the receiver responded with 410 (Gone)")

// Sender sends messages. It follows no redirect and uses no proxy, and it calls no address that it may not call.
type Sender struct {
	timeout time.Duration
	allowed []netip.Prefix
	secure  *http.Client
	plain   *http.Client // to allowed networks only
}

// NewSender returns a sender that calls public addresses by HTTPS, and those of the networks that are allowed by HTTP,
// too. The roots that certificates are compared with are those of the system if they are nil.
func NewSender(allowed []netip.Prefix, config *tls.Config) *Sender {
	s := &Sender{timeout: Timeout, allowed: allowed}
	s.secure = newClient(filter{allowed: allowed}, config)
	s.plain = newClient(filter{allowed: allowed, strict: true}, nil)
	return s
}

func newClient(f filter, config *tls.Config) *http.Client {
	dialer := &net.Dialer{Timeout: dialTimeout, Control: f.control}
	return &http.Client{
		Timeout: Timeout,
		Transport: &http.Transport{
			Proxy:                  nil, // a proxy would be called in place of the address that was checked
			DialContext:            dialer.DialContext,
			TLSClientConfig:        config,
			TLSHandshakeTimeout:    dialTimeout,
			ResponseHeaderTimeout:  Timeout,
			IdleConnTimeout:        idleTimeout,
			MaxIdleConns:           maxIdle,
			MaxResponseHeaderBytes: maxResponseHead,
			DisableCompression:     true,
			ForceAttemptHTTP2:      true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Check returns what is wrong with the address of a receiver, as far as that can be told without a look for its host.
func (s *Sender) Check(address string) error {
	if err := CheckURL(address); err != nil {
		return err
	}
	u, _ := url.Parse(address)
	if ip, err := netip.ParseAddr(u.Hostname()); err == nil {
		return filter{allowed: s.allowed, strict: u.Scheme == "http"}.check(ip)
	}
	return nil
}

// Send sends a message to a receiver once, signed with each of the secrets. It returns the status of the response, 0 if
// there is none. Errors: ErrGone; ErrRefused; any other says, without an address, why the receiver has not taken the
// message.
func (s *Sender) Send(ctx context.Context, address string, m Message, secrets []Secret) (status int, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	text := m.Body()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(text))
	if err != nil {
		return 0, errors.New("its url is invalid")
	}
	r.Header = m.header(time.Now(), text, secrets)
	tracing.Inject(ctx, r.Header)
	client := s.secure
	if r.URL.Scheme != "https" {
		client = s.plain
	}
	response, err := client.Do(r)
	if err != nil {
		return 0, told(ctx, err)
	}
	_, _ = io.CopyN(io.Discard, response.Body, maxResponse) // the status is the response
	_ = response.Body.Close()
	return response.StatusCode, verdict(response.StatusCode)
}

// verdict returns what a status says about the message.
func verdict(status int) error {
	switch {
	case status >= 200 && status < 300:
		return nil
	case status == http.StatusGone:
		return ErrGone
	case status >= 300 && status < 400:
		return fmt.Errorf("the receiver responded with %d: redirects are not followed", status)
	}
	return fmt.Errorf("the receiver responded with %d", status)
}

// told returns why there was no response, as clients are told it: what the internal network is like is not for them.
func told(ctx context.Context, err error) error {
	var (
		wait        net.Error
		certificate *tls.CertificateVerificationError
		name        *net.DNSError
		record      tls.RecordHeaderError
	)
	switch {
	case errors.Is(err, ErrRefused):
		return ErrRefused
	case errors.Is(context.Cause(ctx), context.Canceled):
		return context.Canceled
	case errors.As(err, &name):
		return errors.New("its host was not found")
	case errors.As(err, &wait) && wait.Timeout():
		return fmt.Errorf("it did not respond within %s", Timeout)
	case errors.As(err, &certificate):
		return fmt.Errorf("its certificate is not valid: %.150s", certificate.Err.Error())
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return errors.New("it does not speak TLS")
	case errors.Is(err, syscall.ECONNREFUSED):
		return errors.New("it refused the connection")
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("it closed the connection without a response")
	}
	return errors.New("it could not be reached, or its response could not be read")
}

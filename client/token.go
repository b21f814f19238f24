package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// TokenError is a request that was not sent, so that its token is not given away, or because there is none.
type TokenError struct{ Err error }

func (e *TokenError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *TokenError) Unwrap() error { return e.Err }

// TokenSource returns the token of a request: that of a key, or a JWT. It is called for each request, so a token that
// changes is noticed. Without a token, for which it returns "", a request is sent without.
type TokenSource func(context.Context) (string, error)

// WithToken makes requests carry the token that source returns. It is sent by https, and by http to this machine only;
// never to another origin than that of the server, where a redirect may lead.
func WithToken(source TokenSource) ClientOption { return withToken(source, false) }

// WithPlainToken is WithToken for a network that is trusted like this machine: the token is also sent by http.
func WithPlainToken(source TokenSource) ClientOption { return withToken(source, true) }

func withToken(source TokenSource, plain bool) ClientOption {
	return WithRequestEditorFn(func(ctx context.Context, r *http.Request) error {
		token, err := source(ctx)
		switch {
		case err != nil:
			return &TokenError{err}
		case token == "":
			return nil
		case !plain && r.URL.Scheme != "https" && !isLoopback(r.URL.Hostname()):
			return &TokenError{fmt.Errorf("the token is not sent to %s without encryption: use https", r.URL.Host)}
		}
		r.Header.Set("Authorization", "Bearer "+token)
		return nil
	})
}

// isLoopback reports whether a host is this machine.
func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && addr.Unmap().IsLoopback()
}

// maxRedirects is that of net/http.
const maxRedirects = 10

// keepingToken returns a client of HTTP that does not follow a request with a token to another origin: net/http would
// take the token to each subdomain of the host, to other ports, and from https to http.
func keepingToken(hc *http.Client) *http.Client {
	keeping := *hc
	keeping.CheckRedirect = func(r *http.Request, via []*http.Request) error {
		first := via[0]
		switch {
		case first.Header.Get("Authorization") != "" && origin(r.URL) != origin(first.URL):
			return &TokenError{fmt.Errorf("the server redirects to %s, to which the token is not sent", origin(r.URL))}
		case hc.CheckRedirect != nil:
			return hc.CheckRedirect(r, via)
		case len(via) >= maxRedirects:
			return errors.New("too many redirects")
		}
		return nil
	}
	return &keeping
}

// origin returns scheme, host and port of an address.
func origin(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return u.Scheme + "://" + strings.ToLower(u.Hostname()) + ":" + port
}

// keepToken is the last option of each client.
func keepToken(c *Operations) error {
	if hc, ok := c.Client.(*http.Client); ok {
		c.Client = keepingToken(hc)
	}
	return nil
}

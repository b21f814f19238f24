package client_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/millrace/millrace/client"
	"github.com/millrace/millrace/internal/testtls"
)

const testToken = "mr_0123456789_5up3rS3cretPart0fTheToken1234567890123456789abcdef"

func token(context.Context) (string, error) { return testToken, nil }

// authorizations is a handler that notes the Authorization of each request, and then serves it.
func authorizations(next http.HandlerFunc) (handler http.Handler, seen func() string) {
	var got []string
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.Header.Get("Authorization"))
		next(w, r)
	}), func() string { return strings.Join(got, " ") }
}

// TestTokenStays: the token goes to the server and nowhere else: not without encryption, nor where a redirect leads.
func TestTokenStays(t *testing.T) {
	t.Parallel()
	found := func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"id": "x"}`)) }
	handler, elsewhere := authorizations(found)
	other := httptest.NewServer(handler)
	t.Cleanup(other.Close)
	handler, here := authorizations(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/away"):
			http.Redirect(w, r, other.URL+r.URL.Path, http.StatusTemporaryRedirect)
		case strings.HasSuffix(r.URL.Path, "/moved"):
			http.Redirect(w, r, strings.Replace(r.URL.Path, "moved", "found", 1), http.StatusTemporaryRedirect)
		default:
			found(w, r)
		}
	})
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	c, err := client.New(server.URL, client.WithToken(token))
	if err != nil {
		t.Fatal(err)
	}
	var refused *client.TokenError
	if _, err := c.Multiplication(t.Context(), "away"); !errors.As(err, &refused) || !strings.Contains(err.Error(), other.URL) {
		t.Errorf("a redirect to another origin: %v, want a TokenError that names it", err)
	}
	if got := elsewhere(); got != "" {
		t.Errorf("another origin got %q, want no request", got)
	}
	if _, err := c.Multiplication(t.Context(), "moved"); err != nil {
		t.Errorf("a redirect within the server: %v, want the multiplication", err)
	}
	bearer := "Bearer " + testToken
	if got, want := here(), strings.Join([]string{bearer, bearer, bearer}, " "); got != want {
		t.Errorf("the server got %q, want %q", got, want)
	}
}

// TestPlainToken: a token is sent by http to this machine only, unless that is asked for.
func TestPlainToken(t *testing.T) {
	t.Parallel()
	for server, want := range map[string]bool{
		"http://127.0.0.1:8080":          true,
		"http://[::1]:8080":              true,
		"http://localhost":               true,
		"http://LOCALHOST:80":            true,
		"https://millrace.test":          true,
		"http://millrace.test":           false,
		"http://127.0.0.1.millrace.test": false,
		"http://localhost.test":          false,
		"http://10.0.0.1":                false,
	} {
		for plain, option := range map[bool]func(client.TokenSource) client.ClientOption{
			false: client.WithToken,
			true:  client.WithPlainToken,
		} {
			s := &bearing{}
			c, err := client.New(server, option(token), client.WithHTTPClient(s))
			if err != nil {
				t.Fatal(err)
			}
			_, err = c.Multiplication(t.Context(), "x")
			var refused *client.TokenError
			if sent := s.got == "Bearer "+testToken; sent != (want || plain) || sent == errors.As(err, &refused) {
				t.Errorf("%s, plain %t: sent is %t, %v, want %t", server, plain, sent, err, want || plain)
			}
		}
	}
}

// bearing notes the Authorization of the last request.
type bearing struct{ got string }

// Do implements client.HttpRequestDoer.
func (b *bearing) Do(r *http.Request) (*http.Response, error) {
	b.got = r.Header.Get("Authorization")
	found := response(http.StatusOK, `{"id": "x"}`)
	return &found, nil
}

// TestRefusedToken: a request is not repeated when its token is refused, or when there is none.
func TestRefusedToken(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusUnauthorized, http.StatusForbidden} {
		s := &server{responses: []http.Response{response(status, `{"detail": "no `+testToken+`"}`)}}
		_, err := connect(t, s).Wait(t.Context(), "x", func(client.Event) {})
		var problem *client.Error
		if !errors.As(err, &problem) || int(problem.Status) != status || s.requests > 2 { // the stream, and why it is none
			t.Errorf("Wait() = %v after %d requests, want status %d", err, s.requests, status)
		}
		if err != nil && strings.Contains(err.Error(), testToken) {
			t.Errorf("Wait() = %v, want an error without the token", err)
		}
	}
	gone := errors.New("the file is gone")
	s := &bearing{}
	c, err := client.New("https://millrace.test", client.WithHTTPClient(s),
		client.WithToken(func(context.Context) (string, error) { return "", gone }))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Multiplication(t.Context(), "x"); !errors.Is(err, gone) {
		t.Errorf("Multiplication() without a token = %v, want %v", err, gone)
	}
}

// TestTokenByTLS: the client talks to a server whose authority it was told, and by HTTP/2.
func TestTokenByTLS(t *testing.T) {
	t.Parallel()
	authority := testtls.New(t)
	handler, seen := authorizations(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(`{"id": "` + r.Proto + `"}`))
	})
	server := httptest.NewUnstartedServer(handler)
	server.TLS = authority.Server()
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	transport := client.NewTransport()
	transport.TLSClientConfig = authority.Config()
	t.Cleanup(transport.CloseIdleConnections)
	c, err := client.New(server.URL, client.WithToken(token), client.WithTransport(transport))
	if err != nil {
		t.Fatal(err)
	}
	if m, err := c.Multiplication(t.Context(), "x"); err != nil || m.ID != "HTTP/2.0" {
		t.Errorf("Multiplication() = %q, %v, want it by HTTP/2.0", m.ID, err)
	}
	if got := seen(); got != "Bearer "+testToken {
		t.Errorf("the server got %q, want the token", got)
	}
	stranger, err := client.New(server.URL, client.WithToken(token))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stranger.Multiplication(t.Context(), "x"); err == nil {
		t.Error("Multiplication() of a server with an unknown authority = nil, want an error")
	}
}

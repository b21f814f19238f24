package client_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/millrace/millrace/client"
)

// server returns its responses one after the other, and the last one again and again.
type server struct {
	responses []http.Response
	requests  int
}

// Do implements client.HttpRequestDoer.
func (s *server) Do(r *http.Request) (*http.Response, error) {
	response := s.responses[min(s.requests, len(s.responses)-1)]
	s.requests++
	response.Request = r
	response.Status = http.StatusText(response.StatusCode)
	return &response, nil
}

func response(status int, body string) http.Response {
	return http.Response{
		StatusCode: status,
		Header:     http.Header{},
		Body:       io.NopCloser(strings.NewReader(body)),
	}
}

func connect(t *testing.T, s *server) *client.Client {
	t.Helper()
	c, err := client.New("http://millrace.test", client.WithHTTPClient(s))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTransientErrorIsRetried(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		unavailable := response(http.StatusServiceUnavailable, `{"detail": "the database is unavailable"}`)
		unavailable.Header.Set("Retry-After", "20")
		s := &server{responses: []http.Response{unavailable, response(http.StatusOK, `{"id": "x"}`)}}
		c := connect(t, s)
		var reported error
		c.Retrying = func(err error, _ time.Duration) { reported = err }
		start := time.Now()
		m, err := c.Multiplication(t.Context(), "x")
		if err != nil || m.ID != "x" || s.requests != 2 {
			t.Errorf("Multiplication() = %q, %v after %d requests, want \"x\" after 2", m.ID, err, s.requests)
		}
		if got, want := time.Since(start), 20*time.Second; got != want {
			t.Errorf("the pause was %s, want %s as in Retry-After", got, want)
		}
		if reported == nil || reported.Error() != "the database is unavailable" {
			t.Errorf("Retrying was called with %v", reported)
		}
	})
}

func TestRetriesAreLimited(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &server{responses: []http.Response{response(http.StatusBadGateway, "<html>\nBad Gateway")}}
		c := connect(t, s)
		_, err := c.Multiplication(t.Context(), "x")
		var problem *client.Error
		if !errors.As(err, &problem) || problem.Status != http.StatusBadGateway {
			t.Errorf("Multiplication() = %v, want status 502", err)
		}
		if want := c.Retries + 1; s.requests != want {
			t.Errorf("%d requests, want %d", s.requests, want)
		}
	})
}

func TestPermanentErrorIsNotRetried(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		response http.Response
		text     string
	}{
		"problem": {response(http.StatusNotFound, `{"detail": "no such multiplication"}`), "no such multiplication"},
		"page": {
			response(http.StatusOK, "<html>"),
			"the response of http://millrace.test/v1/multiplications/x is not from a Millrace server: " +
				"invalid character '<' looking for beginning of value",
		},
	} {
		s := &server{responses: []http.Response{c.response}}
		if _, err := connect(t, s).Multiplication(t.Context(), "x"); err == nil || err.Error() != c.text {
			t.Errorf("%s: Multiplication() = %v, want %s", name, err, c.text)
		}
		if s.requests != 1 {
			t.Errorf("%s: %d requests, want 1", name, s.requests)
		}
	}
}

// failingWriter is a full disk.
type failingWriter struct{ error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.error }

func TestDownloadToFailingWriter(t *testing.T) {
	t.Parallel()
	full := errors.New("no space left on device")
	content := response(http.StatusOK, "content")
	content.ContentLength = int64(len("content"))
	s := &server{responses: []http.Response{content}}
	err := connect(t, s).Result("x", failingWriter{full}, func(int64, int64) {}).Run(t.Context())
	if !errors.Is(err, full) || err.Error() != full.Error() {
		t.Errorf("Run() = %v, want %v", err, full)
	}
	if s.requests != 1 {
		t.Errorf("%d requests, want 1", s.requests)
	}
}

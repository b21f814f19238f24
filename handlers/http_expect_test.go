package handlers_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

const waitsForContinue = "Expect: 100-continue"

// TestExpect: what a server does with Expect, RFC 9110, 10.1.1.
func TestExpect(t *testing.T) {
	t.Parallel()
	s := setupRaw(t)
	matrices := rawRoute{http.MethodPost, "/v1/matrices"}
	file := string(someElements(3, 2).npy())
	length := fmt.Sprintf("Content-Length: %d", len(file))
	kind := "Content-Type: " + npyType
	for rule, c := range map[string]struct {
		request string
		status  int
	}{
		"a 100 (Continue) response before the content of a request that is good so far": {
			matrices.head(kind, length, waitsForContinue), http.StatusContinue,
		},
		"the Expect field value is case-insensitive": {
			matrices.head(kind, length, "expect: 100-CONTINUE"), http.StatusContinue,
		},
		"a chunked body is content, too": {
			matrices.head(kind, "Transfer-Encoding: chunked", waitsForContinue), http.StatusContinue,
		},
		"a server that receives a 100-continue expectation in an HTTP/1.0 request MUST ignore that expectation": {
			strings.Replace(matrices.head(kind, length, waitsForContinue), "HTTP/1.1", "HTTP/1.0", 1) + file,
			http.StatusCreated,
		},
		"may omit 100 if it has already received the content": {
			matrices.head(kind, "Content-Length: 0", waitsForContinue), http.StatusBadRequest,
		},
		"other than 100-continue MAY respond with 417": {
			matrices.head(kind, length, "Expect: magic"), http.StatusExpectationFailed,
		},
		"a final status code if that status can be determined by examining just the head: the media type": {
			matrices.head("Content-Type: text/plain", length, waitsForContinue), http.StatusUnsupportedMediaType,
		},
		"by examining just the head: the coding": {
			matrices.head(kind, "Content-Encoding: gzip", length, waitsForContinue), http.StatusUnsupportedMediaType,
		},
		"by examining just the head: a digest": {
			matrices.head(kind, "Content-Digest: sha-256=1", length, waitsForContinue), http.StatusBadRequest,
		},
		"by examining just the head: the query": {
			rawRoute{http.MethodPost, "/v1/matrices?x=1"}.head(kind, length, waitsForContinue),
			http.StatusUnprocessableEntity,
		},
		"by examining just the head: the origin": {
			matrices.head(kind, length, "Origin: http://other.example", waitsForContinue), http.StatusForbidden,
		},
	} {
		if a := s.ask(t, c.request); a.StatusCode != c.status {
			t.Errorf("%s: status %s, want %d: %s", rule, a.Status, c.status, a.body)
		}
	}
	c := s.connect(t)
	_, _ = io.WriteString(c, matrices.head(kind, length, waitsForContinue)) // reading reports what is wrong
	if a, err := c.response(http.MethodPost); err != nil || a.StatusCode != http.StatusContinue {
		t.Fatalf("status %d, error %v, want 100", a.StatusCode, err)
	}
	_, _ = io.WriteString(c, file)
	if a, err := c.response(http.MethodPost); err != nil || a.StatusCode != http.StatusCreated {
		t.Errorf("status %d, error %v, want 201 after the body", a.StatusCode, err)
	}
}

// TestExpectIsNeverSilence: every route responds to a client that waits for a 100 (Continue), with that or with a final
// status. The head is one that no operation accepts.
func TestExpectIsNeverSilence(t *testing.T) {
	t.Parallel()
	s := setupRaw(t)
	for _, route := range rawRoutes(t) {
		for _, size := range []string{"Content-Length: 10", "Content-Length: 4000000", "Transfer-Encoding: chunked"} {
			for _, fault := range []string{"Content-Type: text/plain", "Origin: http://other.example"} {
				a, err := s.tryToAsk(t, route.head(fault, size, waitsForContinue))
				if err != nil {
					t.Errorf("%s %s, %s, %s: %v, want a response", route.method, route.path, size, fault, err)
					continue
				}
				if a.StatusCode == http.StatusContinue && !strings.HasPrefix(route.path, "/riverui/") {
					t.Errorf("%s %s, %s, %s: 100, want a final status", route.method, route.path, size, fault)
				}
				if a.StatusCode >= http.StatusOK && !a.Close {
					t.Errorf("%s %s, %s: %s keeps the connection, where the body may follow or not", route.method, route.path,
						size, a.Status)
				}
			}
		}
	}
}

package handlers_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// chunks returns a chunked body of size bytes.
func chunks(size int) string {
	const chunk = 1 << 16
	return strings.Repeat(fmt.Sprintf("%x\r\n%s\r\n", chunk, strings.Repeat("x", chunk)), size/chunk) + "0\r\n\r\n"
}

// TestUnreadBodies: a client that writes its whole request before it reads gets the response to a request that is
// refused by its head, and not a reset connection: "the server [...] continues to read from the connection" (RFC 9112,
// 9.6).
func TestUnreadBodies(t *testing.T) {
	t.Parallel()
	s := setupRaw(t)
	const size = 8 << 20 // more than the buffers of both systems
	body := strings.Repeat("x", size)
	length := fmt.Sprintf("Content-Length: %d", size)
	matrices := rawRoute{http.MethodPost, "/v1/matrices"}
	for name, c := range map[string]struct {
		request string
		status  int
	}{
		"media type":  {matrices.head("Content-Type: text/plain", length) + body, http.StatusUnsupportedMediaType},
		"not a file":  {matrices.head("Content-Type: "+npyType, length) + body, http.StatusBadRequest},
		"not JSON":    {matrices.head("Content-Type: "+jsonType, length) + body, http.StatusBadRequest},
		"origin":      {matrices.head("Origin: http://other.example", length) + body, http.StatusForbidden},
		"expectation": {matrices.head("Expect: magic", length) + body, http.StatusExpectationFailed},
		"no waiting":  {matrices.head("Content-Type: text/plain", length, waitsForContinue) + body, http.StatusUnsupportedMediaType},
		"chunks": {
			matrices.head("Content-Type: text/plain", "Transfer-Encoding: chunked") + chunks(size),
			http.StatusUnsupportedMediaType,
		},
		"coding": {matrices.head("Transfer-Encoding: gzip") + body, http.StatusNotImplemented},
		"no host": {
			"POST /v1/matrices HTTP/1.1\r\n" + length + "\r\n\r\n" + body, http.StatusBadRequest,
		},
		"head":     {matrices.head("X: "+strings.Repeat("x", 2<<20), length) + body, http.StatusRequestHeaderFieldsTooLarge},
		"path":     {rawRoute{http.MethodPost, "/nothing"}.head(length) + body, http.StatusNotFound},
		"method":   {rawRoute{http.MethodPut, "/v1/matrices"}.head(length) + body, http.StatusMethodNotAllowed},
		"resource": {rawRoute{http.MethodPost, "/v1/multiplications/x/cancel"}.head(length) + body, http.StatusNotFound},
		"HTTP/1.0": {
			"POST /v1/matrices HTTP/1.0\r\nContent-Type: text/plain\r\n" + length + "\r\n\r\n" + body,
			http.StatusUnsupportedMediaType,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, err := s.tryToAsk(t, c.request)
			if err != nil || a.StatusCode != c.status {
				t.Errorf("status %d, error %v, want %d", a.StatusCode, err, c.status)
			}
		})
	}
}

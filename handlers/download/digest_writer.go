package download

import (
	"encoding/base64"
	"net/http"

	"github.com/millrace/millrace/handlers/payload"
)

// DigestWriter adds the digest headers of RFC 9530 to a response. The status tells whether the body is the whole
// content.
type DigestWriter struct {
	http.ResponseWriter
	Request *http.Request
	Sum     []byte // SHA-256 of the whole content, nil if it is not known
}

// NewDigestWriter returns a writer of the response to a request for a content with a digest, nil if it is not known.
func NewDigestWriter(w http.ResponseWriter, r *http.Request, sum []byte) *DigestWriter {
	return &DigestWriter{
		ResponseWriter: w,
		Request:        r,
		Sum:            sum,
	}
}

// WriteHeader implements http.ResponseWriter.
func (w *DigestWriter) WriteHeader(status int) {
	whole := status == http.StatusOK
	if w.Sum != nil && (whole || status == http.StatusPartialContent) {
		value := payload.SHA256 + "=:" + base64.StdEncoding.EncodeToString(w.Sum) + ":"
		w.Header().Set("Repr-Digest", value)
		if whole && w.Request.Method == http.MethodGet {
			w.Header().Set("Content-Digest", value)
		}
	}
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the server's own writer.
func (w *DigestWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

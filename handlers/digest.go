package handlers

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"hash"
	"io"
	"net/http"
	"time"

	"github.com/dunglas/httpsfv"

	"github.com/millrace/millrace/handlers/payload"
	"github.com/millrace/millrace/matrix/npy"
	"github.com/millrace/millrace/store"
)

// WantDigestParams are the headers of RFC 9530 that ask for a digest. A response has a digest without them, too, if the
// digest is known or quickly computed.
type WantDigestParams struct {
	WantReprDigest    string `header:"Want-Repr-Digest"`
	WantContentDigest string `header:"Want-Content-Digest"`
}

// wanted reports whether the client asks for a SHA-256. Malformed headers are ignored.
func (p WantDigestParams) wanted() bool {
	for _, header := range []string{p.WantReprDigest, p.WantContentDigest} {
		dictionary, err := httpsfv.UnmarshalDictionary([]string{header})
		if err != nil {
			continue
		}
		if member, ok := dictionary.Get(payload.SHA256); ok {
			item, _ := member.(httpsfv.Item)
			if weight, _ := item.Value.(int64); weight > 0 {
				return true
			}
		}
	}
	return false
}

// The sizes, in bytes, up to which a content is hashed before it is sent.
const (
	maxHashedOnce  = 64 << 20 // if the digest is saved
	maxHashedAgain = 1 << 20  // if it is for this response alone
)

// digest returns the SHA-256 of a part of a matrix as .npy, or nil if it is not known and would take too long.
func (a *API) digest(ctx context.Context, m store.Matrix, p part, wanted bool) ([]byte, error) {
	size := p.Shape().Bytes()
	switch {
	case !p.whole:
		if size > maxHashedAgain {
			return nil, nil
		}
		file := npy.NewFile(ctx, p, p.align)
		defer func() { _ = file.Close() }()
		h := sha256.New()
		_, err := io.Copy(h, file)
		return h.Sum(nil), err
	case m.Digest != nil:
		return m.Digest, nil
	case size <= maxHashedOnce || wanted && m.InBlocks():
		return a.store.ComputeDigest(ctx, m)
	}
	return nil, nil
}

// digestWriter adds the digest headers of RFC 9530 to a response. The status tells whether the body is the whole
// content.
type digestWriter struct {
	http.ResponseWriter
	request *http.Request
	sum     []byte // SHA-256 of the whole content, nil if it is not known
}

func newDigestWriter(w http.ResponseWriter, r *http.Request, sum []byte) *digestWriter {
	return &digestWriter{
		ResponseWriter: w,
		request:        r,
		sum:            sum,
	}
}

func (w *digestWriter) WriteHeader(status int) {
	whole := status == http.StatusOK
	if w.sum != nil && (whole || status == http.StatusPartialContent) {
		value := payload.SHA256 + "=:" + base64.StdEncoding.EncodeToString(w.sum) + ":"
		w.Header().Set("Repr-Digest", value)
		if whole && w.request.Method == http.MethodGet {
			w.Header().Set("Content-Digest", value)
		}
	}
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the server's own writer.
func (w *digestWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// hashedReader hashes a file while it is read from its beginning on. It does not hash what is read out of order.
type hashedReader struct {
	io.ReadSeeker
	hash   hash.Hash
	at     int64 // offset of the next read
	hashed int64 // bytes that are in the hash
}

func newHashedReader(r io.ReadSeeker) *hashedReader {
	return &hashedReader{ReadSeeker: r, hash: sha256.New()}
}

func (h *hashedReader) Read(p []byte) (int, error) {
	n, err := h.ReadSeeker.Read(p)
	if h.at == h.hashed {
		h.hash.Write(p[:n])
		h.hashed += int64(n)
	}
	h.at += int64(n)
	return n, err
}

func (h *hashedReader) Seek(offset int64, whence int) (int64, error) {
	at, err := h.ReadSeeker.Seek(offset, whence)
	if err == nil {
		h.at = at
	}
	return at, err
}

// saveTimeout bounds how long a download takes to save the digest.
const saveTimeout = 10 * time.Second

// saveDigest saves the digest of a matrix whose file of size bytes has been hashed to its end.
func (a *API) saveDigest(ctx context.Context, m store.Matrix, file *hashedReader, size int64) {
	if file.hashed != size {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTimeout) // the client may be gone
	defer cancel()
	if err := a.store.SaveDigest(ctx, m.ID, file.hash.Sum(nil)); err != nil {
		a.log.WarnContext(ctx, "saving the digest of a matrix", "error", err)
	}
}

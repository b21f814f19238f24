package download

import (
	"crypto/sha256"
	"hash"
	"io"
)

// HashedReader hashes a file while it is read from its beginning on. It does not hash what is read out of order.
type HashedReader struct {
	io.ReadSeeker
	hash   hash.Hash
	at     int64 // offset of the next read
	hashed int64 // bytes that are in the hash
}

// NewHashedReader returns a reader at the beginning of a file.
func NewHashedReader(r io.ReadSeeker) *HashedReader {
	return &HashedReader{ReadSeeker: r, hash: sha256.New()}
}

// Read implements io.Reader.
func (h *HashedReader) Read(p []byte) (int, error) {
	n, err := h.ReadSeeker.Read(p)
	if h.at == h.hashed {
		h.hash.Write(p[:n])
		h.hashed += int64(n)
	}
	h.at += int64(n)
	return n, err
}

// Seek implements io.Seeker.
func (h *HashedReader) Seek(offset int64, whence int) (int64, error) {
	at, err := h.ReadSeeker.Seek(offset, whence)
	if err == nil {
		h.at = at
	}
	return at, err
}

// Hashed returns how many bytes are in the hash.
func (h *HashedReader) Hashed() int64 { return h.hashed }

// Sum returns the SHA-256 of them.
func (h *HashedReader) Sum() []byte { return h.hash.Sum(nil) }

// WatchedReader keeps the error that ends the reading of a body.
type WatchedReader struct {
	io.ReadSeeker
	Err error // what ended it, nil at the end of the body
}

// Read implements io.Reader.
func (w *WatchedReader) Read(p []byte) (int, error) {
	n, err := w.ReadSeeker.Read(p)
	if err != nil && err != io.EOF { //nolint:errorlint // io.Reader's EOF is never wrapped
		w.Err = err
	}
	return n, err
}

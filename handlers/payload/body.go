package payload

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"net"
	"net/http"
	"os"

	"github.com/millrace/millrace/handlers/resource"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/memory"
)

// Body is the body of a request. It is hashed while it is read, and not kept. A nil Body is that of a request whose
// body is ignored: its methods do nothing.
type Body struct {
	mediaType string
	size      int64 // in bytes, -1 if the client does not tell
	source    *source
	reader    io.Reader
	form      *form // of a multipart body, else nil

	digests []digest             // what the body must hash to
	hashes  map[string]hash.Hash // of the bytes as they came, by algorithm
	content hash.Hash            // of what identifies the content; nil unless the body is keyed
}

// Open begins to read the body of a request, which must be of one of the given media types. keyed says that
// Fingerprint will be called.
//
// It returns ErrMediaType for another media type, ErrEncoding for a compressed body, and ErrBadRequest for malformed
// digest headers.
func Open(r *http.Request, keyed bool, mediaTypes ...string) (*Body, error) {
	mediaType, params, err := parseMediaType(r.Header.Get("Content-Type"), mediaTypes)
	if err != nil {
		return nil, err
	}
	if err := checkEncoding(r.Header); err != nil {
		return nil, err
	}
	digests, err := parseDigests(r.Header)
	if err != nil {
		return nil, err
	}
	b := &Body{
		mediaType: mediaType,
		size:      r.ContentLength,
		digests:   digests,
		hashes:    newHashes(digests),
	}
	switch {
	case !keyed:
	case mediaType == resource.MediaMultipart: // a client that tries again separates the parts by another boundary
		b.content = sha256.New()
	default:
		if b.hashes[SHA256] == nil {
			b.hashes[SHA256] = sha256.New()
		}
		b.content = b.hashes[SHA256]
	}
	src := &source{reader: r.Body}
	b.source = src
	b.reader = src
	for _, h := range b.hashes {
		b.reader = io.TeeReader(b.reader, h)
	}
	if mediaType == resource.MediaMultipart {
		b.form = newForm(b.reader, params["boundary"], src, b.content)
	}
	return b, nil
}

// maxFileHead is how long the head of a .npy file is taken to be at most, in bytes.
const maxFileHead = 64 << 10

// LeastBytes returns how many bytes the matrix in the body takes at least, as far as its head tells.
func (b *Body) LeastBytes() int64 {
	if b.mediaType != resource.MediaNPY {
		return 0
	}
	return max(0, b.size-maxFileHead)
}

// tinyBody is the size of a body that is read before memory is reserved for it, in bytes. It takes no more than the
// buffers of its connection, so that a slow client holds nothing that others need.
const tinyBody = 4 << 10

// Reserve waits for the memory that it takes to read the body, and returns the function that gives it back. It must be
// called before the body is read. store.ErrBusy when it takes too long.
func (b *Body) Reserve(ctx context.Context, s *store.Store) (release func(), err error) {
	if b == nil {
		return func() {}, nil
	}
	if 0 <= b.size && b.size <= tinyBody {
		b.source.readAhead()
	}
	return s.ReserveBody(ctx, b.size)
}

// Drain reads the body only to hash it, and verifies it.
func (b *Body) Drain() error {
	switch {
	case b == nil:
		return nil
	case b.form == nil:
		if _, err := io.Copy(io.Discard, b.reader); err != nil {
			return err
		}
		return b.Verify()
	}
	for part, err := range b.form.parts() {
		if err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, part); err != nil {
			return err
		}
	}
	return b.Verify()
}

// maxEpilogue is how many bytes may follow the last part of a form. They have no meaning.
const maxEpilogue = 64 << 10

// Verify reads what is left of a body after its content, and compares all of it with the digests in the headers. It
// returns ErrBadRequest if they differ.
func (b *Body) Verify() error {
	if b == nil {
		return nil
	}
	// After a form comes its epilogue, which belongs to the digest; after any other body only the end. The server
	// notices a client that hangs up only when it has read the body to its end.
	n, err := io.Copy(io.Discard, io.LimitReader(b.reader, maxEpilogue))
	if err != nil {
		return err
	}
	if n == maxEpilogue {
		return fmt.Errorf("%w: something follows after the last part", ErrBadRequest)
	}
	for _, want := range b.digests {
		if got := b.hashes[want.algorithm].Sum(nil); !bytes.Equal(got, want.sum) {
			return fmt.Errorf("%w: the %s of the body is %x, %s says %x",
				ErrBadRequest, want.algorithm, got, want.header, want.sum)
		}
	}
	return nil
}

// Fingerprint identifies what was sent by media type and content; for a form, by the names and contents of its parts.
// The body must have been opened as keyed, and read to its end.
func (b *Body) Fingerprint() []byte {
	if b == nil {
		return nil
	}
	return b.content.Sum([]byte(b.mediaType + " "))
}

// source reads from the connection. Its errors are the client's faults: os.ErrDeadlineExceeded for one that stalls,
// ErrBadRequest for a broken connection or malformed chunks; or store.ErrBusy if others need the memory.
type source struct {
	reader io.Reader
	err    error // the last one, other than io.EOF
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.reader.Read(p)
	if err == nil || err == io.EOF {
		return n, err
	}
	switch {
	case errors.Is(err, store.ErrBusy), errors.Is(err, memory.ErrSlow):
		s.err = err
		return n, err
	case errors.Is(err, os.ErrDeadlineExceeded):
		s.err = fmt.Errorf("the body cannot be read: %w", os.ErrDeadlineExceeded)
		return n, s.err
	}
	s.err = fmt.Errorf("%w: the body cannot be read: %s", ErrBadRequest, withoutAddresses(err))
	return n, s.err
}

// withoutAddresses returns the text of an error of a connection without the addresses of the connection.
func withoutAddresses(err error) string {
	var operation *net.OpError
	if errors.As(err, &operation) {
		err = operation.Err
	}
	return err.Error()
}

// readAhead reads all that comes. An error is reported to the reader of what has come before it.
func (s *source) readAhead() {
	text, err := io.ReadAll(s.reader)
	var rest io.Reader = bytes.NewReader(text)
	if err != nil {
		rest = io.MultiReader(rest, failure{err})
	}
	s.reader = rest
}

// failure is an io.Reader that fails.
type failure struct{ err error }

// Read implements io.Reader.
func (f failure) Read([]byte) (int, error) { return 0, f.err }

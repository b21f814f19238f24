package handlers

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"mime/multipart"
	"os"
)

// received is the body of a request as it is read: hashed on its way, never kept. Nil is that of a request without one.
type received struct {
	io.Reader // of JSON or .npy
	form      *formReader

	kind    string
	content hash.Hash            // of what was sent, whatever the framing; nil without a key
	raw     map[string]hash.Hash // by algorithm, of the bytes that came
	digests []digest             // that they should have
}

// receive begins to read a body. key says that it must be known which one it is.
func (b *StreamedBody) receive(key bool, kinds ...string) (*received, error) {
	kind, params, err := b.mediaType(kinds...)
	if err != nil {
		return nil, err
	}
	r := &received{kind: kind, raw: map[string]hash.Hash{}}
	if r.digests, err = b.digests(); err != nil {
		return nil, err
	}
	var tee []io.Writer
	for _, d := range r.digests {
		if r.raw[d.algorithm] == nil {
			r.raw[d.algorithm] = algorithms[d.algorithm]()
			tee = append(tee, r.raw[d.algorithm])
		}
	}
	switch {
	case !key:
	case kind == mediaMultipart: // a client that tries again separates the parts by another boundary
		r.content = sha256.New()
	case r.raw[sha256Name] != nil:
		r.content = r.raw[sha256Name]
	default:
		r.content = sha256.New()
		tee = append(tee, r.content)
	}
	r.Reader = b.reader
	if len(tee) > 0 {
		r.Reader = io.TeeReader(b.reader, io.MultiWriter(tee...))
	}
	if kind == mediaMultipart {
		r.form = &formReader{Reader: multipart.NewReader(r.Reader, params["boundary"]), source: b.reader, content: r.content}
	}
	return r, nil
}

// drain reads the body only to hash it.
func (r *received) drain() error {
	switch {
	case r == nil:
		return nil
	case r.form == nil:
		_, err := io.Copy(io.Discard, r.Reader)
		return err
	}
	for {
		part, err := r.form.next()
		if err == io.EOF { //nolint:errorlint // wrapped, it is a body that ends too early
			return nil
		}
		if err == nil {
			_, err = io.Copy(io.Discard, part)
		}
		if err != nil {
			return err
		}
	}
}

// maxEpilogue is how many bytes may follow the last part of a form; they mean nothing.
const maxEpilogue = 64 << 10

// verify reads a body to its end and compares it with the digests that it came with.
func (r *received) verify() error {
	if r == nil {
		return nil
	}
	// What follows a form belongs to its digest, and only when all of a body has been read does the server notice a client that
	// hangs up. Of everything else the end has been seen.
	n, err := io.Copy(io.Discard, io.LimitReader(r.Reader, maxEpilogue))
	if err == nil && n == maxEpilogue {
		err = fmt.Errorf("%w: something follows after the last part", errBadRequest)
	}
	if err != nil {
		return err
	}
	for _, want := range r.digests {
		if got := r.raw[want.algorithm].Sum(nil); !bytes.Equal(got, want.sum) {
			return fmt.Errorf("%w: the %s of the body is %x, %s says %x", errBadRequest, want.algorithm, got, want.header, want.sum)
		}
	}
	return nil
}

// sum identifies what was sent.
func (r *received) sum() []byte {
	if r == nil {
		return nil
	}
	return r.content.Sum([]byte(r.kind + " "))
}

// formReader reads a form part by part.
type formReader struct {
	*multipart.Reader
	source  *bodyReader
	content hash.Hash // of the names and contents of the parts; nil when nobody wants to know
	part    *formPart
}

// formPart is a part of a form. Its name is hashed, and its content as it is read.
type formPart struct {
	io.Reader
	name    string
	content hash.Hash
}

// next returns the next part, or io.EOF after the last one.
func (f *formReader) next() (*formPart, error) {
	if f.content != nil && f.part != nil {
		if _, err := io.Copy(io.Discard, f.part); err != nil {
			return nil, err
		}
		_, _ = fmt.Fprintf(f.content, "%q %x ", f.part.name, f.part.content.Sum(nil))
	}
	f.part = nil
	part, err := f.NextRawPart()
	if err == io.EOF { //nolint:errorlint // wrapped, it is a body that ends too early
		return nil, err
	}
	if err != nil && f.source.err != nil {
		return nil, f.source.err // a header that is not whole would be called malformed
	}
	if err != nil {
		return nil, multipartError(err)
	}
	f.part = &formPart{name: part.FormName(), Reader: partReader{part}}
	if f.content != nil {
		f.part.content = sha256.New()
		f.part.Reader = io.TeeReader(f.part.Reader, f.part.content)
	}
	return f.part, nil
}

// partReader gives the errors of the multipart reader their form, before they mix with those of the store.
type partReader struct{ *multipart.Part }

func (p partReader) Read(b []byte) (int, error) {
	n, err := p.Part.Read(b)
	if err != nil && err != io.EOF { //nolint:errorlint // io.Reader's EOF is never wrapped
		err = multipartError(err)
	}
	return n, err
}

// multipartError calls what the multipart reader finds wrong a fault of the request. It has no error values of its own,
// but everything that it passes on from below has.
func multipartError(err error) error {
	if errors.Is(err, errBadRequest) || errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	return fmt.Errorf("%w: malformed multipart body: %w", errBadRequest, err)
}

package payload

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"iter"
	"mime/multipart"
)

// maxPartHeads is how many bytes the headers of all parts of a form may have. The multipart reader would keep 10 MiB of
// each part.
const maxPartHeads = 16 << 10

// form reads a multipart body part by part.
type form struct {
	reader  *multipart.Reader
	heads   *headReader // below reader
	src     *source     // below reader
	content hash.Hash   // of the names and contents of the parts, or nil
}

func newForm(r io.Reader, boundary string, src *source, content hash.Hash) *form {
	heads := &headReader{reader: r, left: maxPartHeads}
	return &form{
		reader:  multipart.NewReader(heads, boundary),
		heads:   heads,
		src:     src,
		content: content,
	}
}

// part is a part of a form: an io.Reader of its content.
type part struct {
	io.Reader
	name string
	hash hash.Hash // of what was read of it; nil unless the form is hashed
}

// parts yields the parts in the order of the body, or an error as the last pair. What the loop does not read of a part
// is skipped.
func (f *form) parts() iter.Seq2[*part, error] {
	return func(yield func(*part, error) bool) {
		for {
			raw, err := f.next()
			if err == io.EOF { //nolint:errorlint // a multipart.Reader's EOF is never wrapped
				return
			}
			if err != nil {
				yield(nil, f.fault(err))
				return
			}
			if err := checkPartEncoding(raw.FormName(), raw.Header); err != nil {
				yield(nil, err)
				return
			}
			p := &part{
				Reader: partReader{raw, f},
				name:   raw.FormName(),
			}
			if f.content != nil {
				p.hash = sha256.New()
				p.Reader = io.TeeReader(p.Reader, p.hash)
			}
			if !yield(p, nil) {
				return
			}
			if err := f.end(p); err != nil {
				yield(nil, err)
				return
			}
		}
	}
}

// next reads the head of the next part.
func (f *form) next() (*multipart.Part, error) {
	f.heads.begin()
	raw, err := f.reader.NextRawPart()
	if err == nil {
		err = f.heads.end(raw.Header)
	}
	return raw, err
}

// end reads the rest of a part, and adds the part to the hash of the content.
func (f *form) end(p *part) error {
	if _, err := io.Copy(io.Discard, p); err != nil {
		return err
	}
	if f.content == nil {
		return nil
	}
	_, err := fmt.Fprintf(f.content, "%q %x ", p.name, p.hash.Sum(nil))
	return err
}

// partReader gives the errors of the multipart reader their meaning, before they mix with those of the store.
type partReader struct {
	*multipart.Part
	form *form
}

func (p partReader) Read(b []byte) (int, error) {
	n, err := p.Part.Read(b)
	if err != nil && err != io.EOF { //nolint:errorlint // io.Reader's EOF is never wrapped
		err = p.form.fault(err)
	}
	return n, err
}

// fault returns the error for one of the multipart reader, which has no error values of its own: that of the source if
// there is one, since a header that is cut short would be called malformed.
func (f *form) fault(err error) error {
	if f.src.err != nil {
		return f.src.err
	}
	if f.heads.exceeded {
		return fmt.Errorf("%w: the headers of the parts have more than %d bytes", ErrBadRequest, maxPartHeads)
	}
	return fmt.Errorf("%w: malformed multipart body: %w", ErrBadRequest, err)
}

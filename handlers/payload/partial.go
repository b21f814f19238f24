package payload

import (
	"bytes"
	"encoding"
	"fmt"
	"hash"
	"io"
	"net/http"
)

// Reader returns what the body is read from. Its errors are those of the client.
func (b *Body) Reader() io.Reader { return b.reader }

// OpenPart begins to read a body that is a part of a file, as Open does. A Repr-Digest is that of the file: see Whole.
func OpenPart(r *http.Request, mediaType string) (*Body, error) {
	part := *r
	part.Header = r.Header.Clone()
	part.Header.Del("Repr-Digest")
	return Open(&part, false, mediaType)
}

// Whole hashes a file that comes in parts, as far as it takes to compare it with its digest.
type Whole struct {
	digests []digest
	hashes  map[string]hash.Hash
}

// ParseWhole returns the Whole of a file with a Repr-Digest; "" for none.
func ParseWhole(reprDigest string) (*Whole, error) {
	header := http.Header{}
	if reprDigest != "" {
		header.Set("Repr-Digest", reprDigest)
	}
	digests, err := parseDigests(header)
	return &Whole{digests: digests, hashes: newHashes(digests)}, err
}

// Write implements io.Writer.
func (w *Whole) Write(p []byte) (int, error) {
	for _, h := range w.hashes {
		h.Write(p)
	}
	return len(p), nil
}

// States returns the states of the hashes, for Restore.
func (w *Whole) States() (map[string][]byte, error) {
	states := map[string][]byte{}
	for name, h := range w.hashes {
		state, err := h.(encoding.BinaryMarshaler).MarshalBinary() //nolint:forcetypeassert // as the docs of the hashes say
		if err != nil {
			return nil, fmt.Errorf("the state of a digest: %w", err)
		}
		states[name] = state
	}
	return states, nil
}

// Restore goes on where States was called.
func (w *Whole) Restore(states map[string][]byte) error {
	for name, h := range w.hashes {
		//nolint:forcetypeassert // as in States
		if err := h.(encoding.BinaryUnmarshaler).UnmarshalBinary(states[name]); err != nil {
			return fmt.Errorf("the state of a digest: %w", err)
		}
	}
	return nil
}

// Verify compares the file, which is complete, with its digest. It returns ErrBadRequest if they differ.
func (w *Whole) Verify() error {
	for _, want := range w.digests {
		if got := w.hashes[want.algorithm].Sum(nil); !bytes.Equal(got, want.sum) {
			return fmt.Errorf("%w: the %s of the file is %x, %s says %x",
				ErrBadRequest, want.algorithm, got, want.header, want.sum)
		}
	}
	return nil
}

package handlers

import (
	"context"
	"crypto/sha256"
	"io"
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

// saveTimeout bounds how long a download takes to save the digest.
const saveTimeout = 10 * time.Second

// saveDigest saves the digest of a matrix whose file was read to its end.
func (a *API) saveDigest(ctx context.Context, m store.Matrix, digest []byte) {
	if digest == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTimeout) // the client may be gone
	defer cancel()
	if err := a.store.SaveDigest(ctx, m, digest); err != nil {
		a.log.WarnContext(ctx, "saving the digest of a matrix", "error", err)
	}
}

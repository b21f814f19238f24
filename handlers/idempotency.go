package handlers

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/dunglas/httpsfv"

	"github.com/millrace/millrace/handlers/payload"
	"github.com/millrace/millrace/store"
)

// Idempotency keys: the response to a POST with a key is saved in the transaction that does what the POST asks for, and a repetition
// gets it again. There is no record of a request that is in progress: one that fails, or whose process dies, leaves nothing behind
// and may be sent again. Of several at the same time each does the work, and one commits: those that come too late roll back and
// get the response of the first.

// IdempotencyParam is the header by which a client may repeat a POST without repeating its effect.
type IdempotencyParam struct {
	IdempotencyKey string `header:"Idempotency-Key"`

	given []string // each header of that name
	path  string
}

// Resolve implements huma.Resolver.
func (p *IdempotencyParam) Resolve(ctx huma.Context) []error {
	r, _ := humago.Unwrap(ctx)
	p.given = r.Header.Values("Idempotency-Key")
	p.path = r.URL.Path
	return nil
}

// maxKeyBytes is the length of the longest key.
const maxKeyBytes = 255

// key returns the key, or "" when there is none. It may be quoted, as the draft of the header's standard has it.
func (p *IdempotencyParam) key() (string, error) {
	if len(p.given) == 0 {
		return "", nil
	}
	if len(p.given) > 1 {
		return "", fmt.Errorf("%w: there are %d Idempotency-Key headers, send one", payload.ErrBadRequest, len(p.given))
	}
	key := p.given[0]
	if strings.HasPrefix(key, `"`) {
		item, err := httpsfv.UnmarshalItem(p.given)
		if err != nil {
			return "", fmt.Errorf("%w: Idempotency-Key begins as a quoted string but is none: %w", payload.ErrBadRequest, err)
		}
		key = item.Value.(string) // nothing else begins with a quote
	}
	unprintable := func(r rune) bool { return r < ' ' || r > '~' }
	if len(key) == 0 || len(key) > maxKeyBytes || strings.ContainsFunc(key, unprintable) {
		return "", fmt.Errorf("%w: Idempotency-Key must have 1 to %d printable ASCII characters",
			payload.ErrBadRequest, maxKeyBytes)
	}
	return key, nil
}

// request returns the request without its body.
func (p *IdempotencyParam) request() (request, error) {
	key, err := p.key()
	return request{key: key, path: p.path}, err
}

// request is a POST, with what distinguishes it from others that have the same key.
type request struct {
	key  string // "" when the client gave none
	path string
	body *payload.Body // nil when the body is ignored
}

// fingerprint returns a hash of what the request asks for. The body must have been read.
func (r request) fingerprint() []byte {
	h := sha256.New()
	_, _ = fmt.Fprintf(h, "POST %q %q", r.path, r.body.Fingerprint())
	return h.Sum(nil)
}

// replay returns the response to an earlier request with the same key, or nil when there was none. It reads the body, by which the two
// are compared.
func (a *API) replay(ctx context.Context, r request) (*response, error) {
	if r.key == "" {
		return nil, nil
	}
	first, err := a.store.IdempotencyKey(ctx, r.key)
	if err != nil || first == nil {
		return nil, err
	}
	if err := r.body.Drain(); err != nil {
		return nil, err
	}
	return replayOf(first, r)
}

// recover is called after the transaction of a request has failed with err. It returns the response to an earlier request with the same
// key, or err: another request with the key may have been faster, and its effect may be why this one failed; or the commit has
// succeeded, but the connection was lost before the database could say so.
func (a *API) recover(ctx context.Context, r request, err error) (*response, error) {
	if r.key == "" {
		return nil, err
	}
	first, e := a.store.IdempotencyKey(ctx, r.key)
	switch {
	case e != nil:
		return nil, e
	case first == nil:
		return nil, err
	}
	return replayOf(first, r)
}

// replayOf returns a saved response as that to another request, which must ask for the same.
func replayOf(first *store.IdempotencyKey, r request) (*response, error) {
	if !bytes.Equal(first.Fingerprint, r.fingerprint()) {
		return nil, fmt.Errorf("%w: the Idempotency-Key has been used for another request, of %s", payload.ErrInvalid,
			first.CreatedAt.UTC().Format(time.RFC3339))
	}
	return &response{
		status:   int(first.Status),
		location: first.Location,
		body:     first.Body,
		replayed: true,
	}, nil
}

// saveTx saves the response to a request with a key, as the last act of its transaction.
func saveTx(ctx context.Context, tx *store.Tx, r request, resp *response) error {
	if r.key == "" {
		return nil
	}
	return tx.SaveIdempotencyKey(ctx, store.IdempotencyKey{
		Key:         r.key,
		Fingerprint: r.fingerprint(),
		Status:      int16(resp.status), //nolint:gosec // an HTTP status
		Location:    resp.location,
		Body:        resp.body,
	})
}

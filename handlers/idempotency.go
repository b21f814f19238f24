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
	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/store"
)

// Idempotency keys: the transaction that does what a POST asks for saves the response, and a repetition with the same
// key gets that response. A request in progress leaves no record: if it fails, or its process dies, it may be
// repeated. Of concurrent requests with one key each does the work and one commits; the others roll back and get its
// response.

// IdempotencyParam is the header with which a POST may be repeated without repeating its effect.
type IdempotencyParam struct {
	IdempotencyKey string `header:"Idempotency-Key"`

	given []string // the values of the headers of that name
	path  string
}

// Resolve implements huma.Resolver.
func (p *IdempotencyParam) Resolve(ctx huma.Context) []error {
	r, _ := humago.Unwrap(ctx)
	p.given = r.Header.Values("Idempotency-Key")
	p.path = r.URL.Path
	return nil
}

// maxKeyBytes is the length of the longest key that is accepted.
const maxKeyBytes = 255

// key returns the key, or "" without one. It may be a quoted string, as in the draft of the standard of the header.
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
			return "", fmt.Errorf("%w: Idempotency-Key begins as a quoted string but is none: %w",
				payload.ErrBadRequest, err)
		}
		key = item.Value.(string) // other items do not begin with a quote
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

// request is a POST, with what distinguishes it from others with the same key.
type request struct {
	key  string // "" without one
	path string
	body *payload.Body // nil if the body is ignored

	waits bool // the client waits for the result
}

// fingerprint returns a hash of what the request asks for. The body must have been read.
func (r request) fingerprint() []byte {
	h := sha256.New()
	_, _ = fmt.Fprintf(h, "POST %q %q", r.path, r.body.Fingerprint())
	return h.Sum(nil)
}

// replay returns the response to an earlier request with the same key, or nil if there is none. It reads the body to
// compare the two requests.
func (a *API) replay(ctx context.Context, r request) (*response, error) {
	if r.key == "" {
		return nil, nil
	}
	first, err := a.own(ctx).IdempotencyKey(ctx, r.key)
	if err != nil || first == nil {
		return nil, err
	}
	if err := r.body.Drain(); err != nil {
		return nil, err
	}
	return replayOf(first, r)
}

// recover returns the response to an earlier request with the same key, or err. It is called after the transaction of a
// request has failed with err, for two reasons:
//   - another request with the key has committed first, and its effect may be the cause of err;
//   - the commit of this request has succeeded, but the connection was lost before the database could report it.
func (a *API) recover(ctx context.Context, r request, err error) (*response, error) {
	if r.key == "" {
		return nil, err
	}
	first, e := a.own(ctx).IdempotencyKey(ctx, r.key)
	switch {
	case e != nil:
		return nil, e
	case first == nil:
		return nil, err
	}
	return replayOf(first, r)
}

// replayOf returns a saved response for another request, which must ask for the same.
func replayOf(first *store.IdempotencyKey, r request) (*response, error) {
	if !bytes.Equal(first.Fingerprint, r.fingerprint()) {
		return nil, fmt.Errorf("%w, of %s", payload.ErrKeyReused, first.CreatedAt.UTC().Format(time.RFC3339))
	}
	return &response{
		status:   int(first.Status),
		location: first.Location,
		body:     first.Body,
		replayed: true,
	}, nil
}

// saveTx saves the response to a request with a key. It must be the last statement of the transaction.
func saveTx(ctx context.Context, tx *store.TenantTx, r request, resp *response) error {
	saved := savedResponse(tx.ID(), r, resp)
	if saved == nil {
		return nil
	}
	return tx.SaveIdempotencyKey(ctx, *saved)
}

// savedResponse returns what is saved of the response to a request of a tenant; nil if that has no key.
func savedResponse(t identity.TenantID, r request, resp *response) *store.IdempotencyKey {
	if r.key == "" {
		return nil
	}
	return &store.IdempotencyKey{
		TenantID:    t,
		Key:         r.key,
		Fingerprint: r.fingerprint(),
		Status:      int16(resp.status), //nolint:gosec // an HTTP status
		Location:    resp.location,
		Body:        resp.body,
	}
}

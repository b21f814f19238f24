package handlers

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/dunglas/httpsfv"

	"github.com/millrace/millrace/handlers/payload"
	"github.com/millrace/millrace/store"
)

// IdempotencyParam is the header by which a client sends a POST again without its being done again.
type IdempotencyParam struct {
	IdempotencyKey string `header:"Idempotency-Key"`

	given []string // all headers of that name
	path  string
}

// Resolve implements huma.Resolver.
func (p *IdempotencyParam) Resolve(ctx huma.Context) []error {
	r, _ := humago.Unwrap(ctx)
	p.given, p.path = r.Header.Values("Idempotency-Key"), r.URL.Path
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
	if len(key) == 0 || len(key) > maxKeyBytes || strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r > '~' }) {
		return "", fmt.Errorf("%w: Idempotency-Key must have 1 to %d printable ASCII characters", payload.ErrBadRequest, maxKeyBytes)
	}
	return key, nil
}

// Replayed is the header that tells the answer to a repeated request from the first one.
type Replayed struct {
	IdempotentReplayed string `header:"Idempotent-Replayed"`
}

// reply is what a POST is answered. It is written down before it is sent, to be sent again byte by byte.
type reply struct {
	status   int
	location string
	body     []byte
	replayed bool
}

func newReply(status int, location string, body any) (reply, error) {
	text, err := encode(body)
	return reply{status: status, location: location, body: text}, err
}

// encode returns JSON as Huma writes it.
func encode(v any) ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(v)
	return text.Bytes(), err
}

func (r reply) header() Replayed {
	if r.replayed {
		return Replayed{IdempotentReplayed: "true"}
	}
	return Replayed{}
}

// rendered is a body of an answer as JSON; T is what is in it.
type rendered[T any] struct {
	text []byte
	err  error
}

func render[T any](v T) rendered[T] {
	text, err := encode(v)
	return rendered[T]{text, err}
}

// MarshalJSON implements json.Marshaler.
func (r rendered[T]) MarshalJSON() ([]byte, error) { return r.text, r.err }

// Schema implements huma.SchemaProvider.
func (rendered[T]) Schema(r huma.Registry) *huma.Schema {
	return r.Schema(reflect.TypeFor[T](), true, "")
}

// request is a POST, with what tells it from others under the same key.
type request struct {
	key  string // "" when the client gave none
	path string
	body *payload.Body // nil when there is none that counts
}

// keepTx writes the answer to a request down at the end of the transaction that does what it asks for.
type keepTx func(ctx context.Context, q *store.Queries, answer reply) error

// once does what a POST asks for, if it is the first with its key: receive reads the body, then do does the work in one
// transaction, and calls keepTx at its end. A repetition does nothing and is given the first answer again.
//
// There is no record of a request that is still in progress: one that fails, or whose process dies, leaves nothing behind and
// may be sent again. Of several at the same time all do the work, and one commits: those that come too late for it roll back
// and have their answer replaced by that of the first.
func (a *API) once(ctx context.Context, r request, receive func() error, do func(keepTx) error) (reply, error) {
	if r.key != "" {
		if answer, err := a.answered(ctx, r, r.body.Drain); answer != nil || err != nil {
			return deref(answer), err
		}
	}
	if err := receive(); err != nil {
		return reply{}, err
	}
	if err := r.body.Verify(); err != nil {
		return reply{}, err
	}
	var out reply
	err := do(func(ctx context.Context, q *store.Queries, answer reply) error {
		out = answer
		return a.keepTx(ctx, q, r, answer)
	})
	if err == nil {
		return out, nil
	}
	if r.key != "" {
		// Another one with the key may have been faster, and what it did may be why this one failed. Or the commit has
		// succeeded, but the connection was lost before the database could say so.
		if answer, e := a.answered(ctx, r, func() error { return nil }); answer != nil || e != nil {
			return deref(answer), e
		}
	}
	return reply{}, err
}

func deref(r *reply) reply {
	if r == nil {
		return reply{}
	}
	return *r
}

func (a *API) keepTx(ctx context.Context, q *store.Queries, r request, answer reply) error {
	if r.key == "" {
		return nil
	}
	return q.KeepAnswerTx(ctx, store.InsertIdempotencyKeyParams{
		Key: r.key, Fingerprint: r.fingerprint(), Status: int16(answer.status), //nolint:gosec // an HTTP status
		Location: answer.location, Body: answer.body, Retention: a.store.Retention,
	})
}

// answered returns the answer to an earlier request with the same key, or nil when there is none. read reads the body, by
// which the two are compared.
func (a *API) answered(ctx context.Context, r request, read func() error) (*reply, error) {
	first, err := a.store.Answer(ctx, r.key)
	if err != nil || first == nil {
		return nil, err
	}
	if err := read(); err != nil {
		return nil, err
	}
	if err := r.body.Verify(); err != nil {
		return nil, err
	}
	if !bytes.Equal(first.Fingerprint, r.fingerprint()) {
		return nil, fmt.Errorf("%w: the Idempotency-Key has been used for another request, of %s", payload.ErrInvalid,
			first.CreatedAt.UTC().Format(time.RFC3339))
	}
	return &reply{status: int(first.Status), location: first.Location, body: first.Body, replayed: true}, nil
}

// fingerprint returns a hash of all that the request asks for. The body must have been read.
func (r request) fingerprint() []byte {
	h := sha256.New()
	_, _ = fmt.Fprintf(h, "POST %q %q", r.path, r.body.Fingerprint())
	return h.Sum(nil)
}

// Package objects has the objects in buckets of users: operands that are read where they are, and results that are
// written there. Settings say which parts of which buckets a tenant may read or write; without them none.
package objects

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/internal/told"
	"github.com/millrace/millrace/matrix/npy"
	"github.com/millrace/millrace/store/blocks/s3"
)

// Ref names an object.
type Ref struct {
	Bucket  string `json:"bucket"`
	Key     string `json:"key"`
	Version string `json:"version,omitempty"` // empty: the newest, or a bucket that keeps no versions
}

// String names the object in errors.
func (r Ref) String() string { return fmt.Sprintf("object %.200q in bucket %.70q", r.Key, r.Bucket) }

// Operand is an object with the elements of a matrix, as it was when the matrix was accepted.
type Operand struct {
	Ref
	ETag    string `json:"etag"`
	Descr   string `json:"descr"`
	Fortran bool   `json:"fortran,omitempty"`
	Offset  int64  `json:"offset"` // of the first element
}

func (o Operand) layout() npy.Layout {
	return npy.Layout{
		Descr:   o.Descr,
		Fortran: o.Fortran,
		Offset:  o.Offset,
	}
}

// Output is the object that the result of a multiplication is written to.
type Output struct {
	Ref         // with the version, once it is written to a bucket that keeps them
	ETag string `json:"etag,omitempty"` // once it is written
}

// The errors of objects.
var (
	// ErrName means that no object can have such a name.
	ErrName = errors.New("no name of an object")
	// ErrNotAllowed means that the settings do not allow it.
	ErrNotAllowed = errors.New("not allowed by the settings of the service")
	// ErrMissing means that there is no such object, version or bucket.
	ErrMissing = errors.New("there is no such object")
	// ErrRefused means that the store refuses what was asked for.
	ErrRefused = errors.New("the store refuses it")
	// ErrChanged means that an object was replaced or deleted after it was accepted as an operand.
	ErrChanged = errors.New("it has changed since it was accepted as an operand")
	// ErrUnavailable means that the store cannot be reached, or does not respond. It passes.
	ErrUnavailable = errors.New("its store is unavailable")
)

// named returns an error of a bucket as one of an object. What ended because its caller gave it up, a process that
// stops say, is none of the object.
func named(ctx context.Context, ref Ref, err error) error {
	kind := ErrRefused
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, s3.ErrMissing):
		return fmt.Errorf("%s: %w", ref, ErrMissing)
	case errors.Is(err, s3.ErrChanged):
		return fmt.Errorf("%s: %w", ref, ErrChanged)
	case errors.Is(err, s3.ErrUnavailable), errors.Is(err, context.DeadlineExceeded), errors.Is(err, s3.ErrCredentials),
		errors.Is(err, s3.ErrFull):
		kind = ErrUnavailable
	}
	return fmt.Errorf("%s: %w: %s", ref, kind, told.ForClients(err).Error())
}

// Room is what a process may reach of buckets. A nil Room reaches none. It is safe for concurrent use.
type Room struct {
	allowed []allowed
	name    func(context.Context, identity.TenantID) (string, error)
	names   sync.Map // of tenants, which do not change
}

// Open returns what settings allow, which must not be where the block store is; name returns the name of a tenant. It
// does not connect. Errors do not repeat what may be a secret.
func Open(
	settings []string, blocks string, name func(context.Context, identity.TenantID) (string, error),
) (*Room, error) {
	r := &Room{name: name}
	buckets := map[s3.Address]*s3.Bucket{}
	for _, text := range settings {
		a, address, err := parse(text)
		if err != nil {
			return nil, fmt.Errorf("--s3-allow: %w", err)
		}
		if a.overlaps(address, blocks) {
			return nil, fmt.Errorf("--s3-allow: %s/%s has the block store in it, or is in it: use another prefix",
				a.name, a.prefix)
		}
		if buckets[address] == nil {
			if buckets[address], err = s3.Open(address); err != nil {
				return nil, fmt.Errorf("--s3-allow: %w", err)
			}
		}
		a.bucket = buckets[address]
		r.allowed = append(r.allowed, a)
	}
	return r, nil
}

// tenant returns the name of a tenant.
func (r *Room) tenant(ctx context.Context, id identity.TenantID) (string, error) {
	if name, ok := r.names.Load(id); ok {
		return name.(string), nil
	}
	name, err := r.name(ctx, id)
	if err == nil && name != "" {
		r.names.Store(id, name)
	}
	return name, err
}

// bucket returns the bucket of an object that a tenant wants to read or write. Errors: ErrName, ErrNotAllowed, those of
// the database.
func (r *Room) bucket(ctx context.Context, t identity.TenantID, ref Ref, to mode) (*s3.Bucket, error) {
	if err := ref.check(); err != nil {
		return nil, err
	}
	if r != nil && len(r.allowed) > 0 {
		tenant, err := r.tenant(ctx, t)
		if err != nil {
			return nil, fmt.Errorf("reading the name of the tenant: %w", err)
		}
		for _, a := range r.allowed {
			if a.allows(tenant, ref, to) {
				return a.bucket, nil
			}
		}
	}
	return nil, fmt.Errorf("to %s %s is %w: --s3-allow", to, ref, ErrNotAllowed)
}

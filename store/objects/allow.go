package objects

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/store/blocks/s3"
)

// mode is what is done to an object.
type mode string

// The modes.
const (
	read  mode = "read"
	write mode = "write"
)

// allowed is a part of a bucket that may be read or written.
type allowed struct {
	tenant string // its name; empty: any
	name   string // of the bucket
	prefix string // of keys: empty, or with a slash at its end; tenantMark stands for the name of the tenant
	read   bool
	write  bool
	bucket *s3.Bucket
}

// tenantMark in a prefix stands for the name of the tenant.
const tenantMark = "{tenant}"

// usage is how a part of a bucket is allowed.
const usage = "use [TENANT:]bucket/prefix=read, =write or =read,write, where bucket/prefix may be an address, " +
	"s3://bucket/prefix?endpoint=https://host:port&region=…"

// parse reads a setting. The address is that of the whole bucket.
func parse(text string) (allowed, s3.Address, error) {
	var a allowed
	at := strings.LastIndexByte(text, '=')
	if at < 0 {
		return a, s3.Address{}, errors.New("it does not say what is allowed: " + usage)
	}
	where, modes := text[:at], text[at+1:]
	for m := range strings.SplitSeq(modes, ",") {
		switch mode(m) {
		case read:
			a.read = true
		case write:
			a.write = true
		default:
			return a, s3.Address{}, errors.New("what is allowed must be read, write or read,write: " + usage)
		}
	}
	if tenant, rest, ok := strings.Cut(where, ":"); ok && !strings.HasPrefix(where, "s3://") &&
		!strings.Contains(tenant, "/") {
		if !identity.IsTenantName(tenant) {
			return a, s3.Address{}, fmt.Errorf("%.70q is no name of a tenant: %s", tenant, usage)
		}
		a.tenant, where = tenant, rest
	}
	if !strings.HasPrefix(where, "s3://") {
		where = "s3://" + where
	}
	address, err := s3.ParseAddress(where)
	if err != nil {
		return a, s3.Address{}, err
	}
	a.name, a.prefix = address.Bucket, address.Prefix
	if a.prefix != "" {
		if err := (Ref{Bucket: a.name, Key: a.prefix + "x"}).check(); err != nil {
			return a, s3.Address{}, err
		}
	}
	address.Prefix = ""
	return a, address, nil
}

// allows reports whether it is allowed to do something to an object for a tenant with a name.
func (a allowed) allows(tenant string, ref Ref, to mode) bool {
	may := map[mode]bool{read: a.read, write: a.write}[to]
	return may && tenant != "" && (a.tenant == "" || a.tenant == tenant) && ref.Bucket == a.name &&
		strings.HasPrefix(ref.Key, strings.ReplaceAll(a.prefix, tenantMark, tenant))
}

// overlaps reports whether a block store is in the part of the bucket at an address, or contains it.
func (a allowed) overlaps(address s3.Address, blocks string) bool {
	if !s3.IsAddress(blocks) {
		return false
	}
	b, err := s3.ParseAddress(blocks)
	fixed, _, _ := strings.Cut(a.prefix, tenantMark)
	return err == nil && b.Bucket == address.Bucket && b.Endpoint == address.Endpoint &&
		(strings.HasPrefix(b.Prefix, fixed) || strings.HasPrefix(a.prefix, b.Prefix))
}

// The longest names that stores take.
const (
	maxKey     = 1024
	maxBucket  = 255
	maxVersion = 1024
)

// check returns ErrName for what is no name of an object, or could be taken for that of another one: some stores, and
// what is in front of them, make one key of a/../b and b, or of a//b and a/b.
func (r Ref) check() error {
	switch {
	case r.Bucket == "" || len(r.Bucket) > maxBucket:
		return fmt.Errorf("%w: the name of a bucket has from 1 to %d bytes", ErrName, maxBucket)
	case r.Key == "" || len(r.Key) > maxKey:
		return fmt.Errorf("%w: a key has from 1 to %d bytes", ErrName, maxKey)
	case len(r.Version) > maxVersion:
		return fmt.Errorf("%w: the id of a version has up to %d bytes", ErrName, maxVersion)
	}
	for _, text := range []string{r.Key, r.Version} {
		if !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
			return fmt.Errorf("%w: it has characters that cannot be printed", ErrName)
		}
	}
	for part := range strings.SplitSeq(r.Key, "/") {
		if part == "" || part == "." || part == ".." {
			return fmt.Errorf("%w: the key %.200q has a part %q between slashes", ErrName, r.Key, part)
		}
	}
	return nil
}

package store

import (
	"errors"
	"strconv"
	"time"

	"github.com/millrace/millrace/identity"
)

// ErrKeyUsed means that another request with the same idempotency key was accepted in the meantime.
var ErrKeyUsed = errors.New("the idempotency key has been used")

// IdempotencyKey is a row of table idempotency_keys: the response to an accepted request that came with a key.
type IdempotencyKey struct {
	TenantID    identity.TenantID
	Key         string
	Fingerprint []byte // SHA-256 of what the client asked for
	Status      int16
	Location    string
	Body        []byte
	CreatedAt   time.Time
	ExpiresAt   time.Time
}

// Stored returns the key as it stands in the table. Two tenants may have the same key.
func (k *IdempotencyKey) Stored() string { return storedKey(k.TenantID, k.Key) }

// storedKey returns the key of a tenant as it stands in the table. That of the default tenant is the key itself, as
// processes of the version before write and read it. No key of a client begins with a line feed.
func storedKey(t identity.TenantID, key string) string {
	if t == identity.DefaultTenant {
		return key
	}
	return "\n" + strconv.Itoa(int(t)) + "\n" + key
}

package identity

import (
	"slices"

	"github.com/google/uuid"
)

// Owned names a resource together with the tenant that asks for it. To that tenant there is none of the id unless it is
// its own.
type Owned struct {
	Tenant TenantID
	ID     uuid.UUID
}

// Of names several resources of one tenant.
func Of(t TenantID, ids ...uuid.UUID) []Owned {
	owned := make([]Owned, len(ids))
	for i, id := range ids {
		owned[i] = Owned{t, id}
	}
	return owned
}

// IDs returns the ids of resources.
func IDs(owned []Owned) []uuid.UUID {
	ids := make([]uuid.UUID, len(owned))
	for i, o := range owned {
		ids[i] = o.ID
	}
	return ids
}

// few is up to how many resources a search through all of them is fast.
const few = 8

// Among returns what reports whether a resource is one of those that were named.
func Among(owned []Owned) func(Owned) bool {
	if len(owned) <= few {
		return func(o Owned) bool { return slices.Contains(owned, o) }
	}
	set := make(map[Owned]struct{}, len(owned))
	for _, o := range owned {
		set[o] = struct{}{}
	}
	return func(o Owned) bool {
		_, ok := set[o]
		return ok
	}
}

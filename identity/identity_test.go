package identity

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/uuid"
)

// TestMay: a principal may do what it has a scope for, and everything with admin.
func TestMay(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		scopes []Scope
		want   bool
	}{
		{scopes: []Scope{ScopeRead, ScopeSubmit}, want: true},
		{scopes: []Scope{ScopeAdmin}, want: true},
		{scopes: []Scope{ScopeRead}, want: false},
		{scopes: nil, want: false},
	} {
		if got := (Principal{Scopes: c.scopes}).May(ScopeSubmit); got != c.want {
			t.Errorf("with %v a principal may submit: got %t, want %t", c.scopes, got, c.want)
		}
	}
}

// TestRefused: only what says something of the token is a refusal.
func TestRefused(t *testing.T) {
	t.Parallel()
	for _, err := range []error{ErrInvalidToken, ErrExpired, ErrRevoked} {
		if !Refused(fmt.Errorf("looking: %w", err)) {
			t.Errorf("%v is no refusal, want one", err)
		}
	}
	if Refused(errors.New("the database is unavailable")) || Refused(nil) {
		t.Error("what is not about the token is a refusal, want none")
	}
}

// TestAmong: of few resources and of many, those that were named are found, and only for the tenant that named them.
func TestAmong(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, few - 1, few, few + 1, 3 * few} {
		ids := make([]uuid.UUID, n)
		for i := range ids {
			ids[i] = uuid.UUID{byte(i + 1)}
		}
		owned := Of(7, ids...)
		if got := IDs(owned); !slices.Equal(got, ids) {
			t.Errorf("the ids of %d resources are %v, want %v", n, got, ids)
		}
		among := Among(owned)
		for _, id := range ids {
			if !among(Owned{Tenant: 7, ID: id}) || among(Owned{Tenant: 8, ID: id}) {
				t.Errorf("among %d, %s is found for tenant 7: %t, for tenant 8: %t, want only the first",
					n, id, among(Owned{Tenant: 7, ID: id}), among(Owned{Tenant: 8, ID: id}))
			}
		}
		if among(Owned{Tenant: 7, ID: uuid.Max}) {
			t.Errorf("among %d there is one that was not named", n)
		}
	}
}

// TestInDigits: the digits are those of ASCII, and no characters beside them.
func TestInDigits(t *testing.T) {
	t.Parallel()
	for c := range 256 {
		text := string([]byte{byte(c)})
		if got, want := inDigits(text), slices.Contains([]byte(digits), byte(c)); got != want {
			t.Errorf("inDigits(%q) = %t, want %t", text, got, want)
		}
	}
}

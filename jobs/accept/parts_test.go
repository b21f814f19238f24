package accept

import (
	"testing"
	"time"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/store/inline"
)

// TestExceeds: a tenant exceeds its part only while others get something, and its weight counts.
func TestExceeds(t *testing.T) {
	t.Parallel()
	of := func(tenant identity.TenantID, n int) []*offer {
		all := make([]*offer, n)
		for i := range all {
			all[i] = &offer{Offer: queue.Offer{Multiplication: inline.Multiplication{TenantID: tenant}}}
		}
		return all
	}
	weights := map[identity.TenantID]float64{1: 1, 2: 1, 3: 8}
	weight := func(t identity.TenantID) float64 { return weights[t] }
	p := parts{ // of a time that is not over
		since: time.Now().Add(time.Hour),
		now:   map[identity.TenantID]float64{},
	}
	p.add(of(1, 90))
	if p.exceeds(1, weight) {
		t.Error("it is alone and exceeds its part")
	}
	p.add(of(2, 10))
	for tenant, want := range map[identity.TenantID]bool{1: true, 2: false, 3: false} {
		if got := p.exceeds(tenant, weight); got != want {
			t.Errorf("tenant %d exceeds its part: %t, want %t", tenant, got, want)
		}
	}
	p.add(of(3, 300)) // three quarters, of eight tenths
	for tenant, want := range map[identity.TenantID]bool{1: true, 2: false, 3: false} {
		if got := p.exceeds(tenant, weight); got != want {
			t.Errorf("with a heavier one tenant %d exceeds its part: %t, want %t", tenant, got, want)
		}
	}
}

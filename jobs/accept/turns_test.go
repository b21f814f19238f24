package accept

import (
	"slices"
	"testing"
	"time"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/jobs/queue/line"
	"github.com/millrace/millrace/store/inline"
)

// placeOf accepts n multiplications of a tenant behind a line, and returns which part of the line the last one of them is
// behind.
func (s *turns) placeOf(t identity.TenantID, n int, small line.Small, now time.Time) float64 {
	group := make([]*offer, n)
	for i := range group {
		group[i] = &offer{Offer: queue.Offer{Multiplication: inline.Multiplication{TenantID: t, Priority: 2}}}
	}
	weight := func(t identity.TenantID) float64 { return float64(t) }
	wait := now.Sub(small.Head).Seconds()
	for ahead, early := range s.place(2, &group, small, weight, now) {
		if len(early) == n {
			return 1 - ahead/wait
		}
	}
	return 1
}

// TestTurns: one that has queued much stands at the end of the line, another one at its head, and those of that one as
// far apart as its weight says, until it has as much in line as its part.
func TestTurns(t *testing.T) {
	t.Parallel()
	now := time.Now()
	small := line.Small{Head: now.Add(-40 * time.Second), Depth: 1000}
	var s turns
	s.note(2, []*offer{{Offer: queue.Offer{Multiplication: inline.Multiplication{TenantID: 1}}}}, now.Add(-time.Second))
	if got := s.placeOf(1, 100, small, now); got != 1 {
		t.Errorf("what queues more is placed behind %g of the line, want all of it", got)
	}
	// Of weight 3 against 1: three quarters of the workers are its.
	var got []float64
	for range 10 {
		got = append(got, s.placeOf(3, 75, small, now))
	}
	if got[0] != 0 || got[9] != 1 || !slices.IsSorted(got) || got[5] < 0.3 || got[5] > 0.7 {
		t.Errorf("ten times a tenth of its part is placed behind %v of the line, want 0, then more, half, and at last 1", got)
	}
	if got := s.placeOf(2, 1, small, now); got != 0 {
		t.Errorf("a single one of another is placed behind %g of the line, want its head", got)
	}
	later := line.Small{Head: now.Add(time.Second), Depth: 1000}
	if got := s.placeOf(3, 1, later, now.Add(20*time.Second)); got != 0 {
		t.Errorf("after its work was done, it is placed behind %g of the line, want its head", got)
	}
	if len(s.last) != 1 {
		t.Errorf("%d flows are remembered, want that which waits", len(s.last))
	}
}

package queue

import (
	"slices"
	"testing"
	"time"
)

// TestRescueWakes: a job that is taken back from a lost worker is fetched at once, and not with the next poll.
func TestRescueWakes(t *testing.T) {
	b := setup(t)
	c := b.client(Config{Lead: true, Lease: time.Second}, idle)
	back := b.enqueue(c, Tiles, 1000, 1000, 1000)
	quarantined := b.enqueue(c, Small, 5, 5, 5)
	b.exec(`UPDATE river_job SET state = 'running', attempt = 1, attempted_at = now() - interval '1 minute',
		attempted_by = '{dead}'`)
	b.exec("UPDATE river_job SET metadata = jsonb_build_object('crashes', $1::int) WHERE queue = 'small'", MaxCrashes-1)
	notified := b.listen()
	c.rescue.healthySince = time.Now().Add(-time.Minute)
	rescued, err := c.Rescue(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(rescued) != 2 {
		t.Fatalf("Rescue() = %+v, want two jobs", rescued)
	}
	for _, job := range rescued {
		want := Rescued{
			ID:      back.First,
			Kind:    "multiply_tile",
			Queue:   Tiles,
			State:   "available",
			GroupID: back.ID.String(),
		}
		if job.Queue == Small {
			want = Rescued{
				ID:          quarantined.First,
				Kind:        "multiply_tile",
				Queue:       Small,
				State:       "discarded",
				GroupID:     quarantined.ID.String(),
				Quarantined: true,
			}
		}
		if job != want {
			t.Errorf("Rescue() has %+v, want %+v", job, want)
		}
	}
	c.sender.Stop() // sends what is pending
	if got, want := notified.sent(), []string{wakePayload(Tiles)}; !slices.Equal(got, want) {
		t.Errorf("got the notifications %q, want %q: of what is discarded there is none", got, want)
	}
}

// TestRescueWaits: after an outage all leases look expired. Workers have one lease of time to renew theirs.
func TestRescueWaits(t *testing.T) {
	b := setup(t)
	c := b.client(Config{Lead: true, Lease: time.Hour}, idle)
	b.enqueue(c, Tiles, 1000, 1000, 1000)
	b.exec(`UPDATE river_job SET state = 'running', attempt = 1, attempted_at = now() - interval '2 hours',
		attempted_by = '{dead}'`)
	for range 2 {
		if rescued, err := c.Rescue(t.Context()); err != nil || len(rescued) > 0 {
			t.Fatalf("Rescue() = %+v, %v within the first lease, want none", rescued, err)
		}
	}
	c.rescue.healthySince = time.Now().Add(-2 * time.Hour)
	b.exec("ALTER TABLE workers RENAME TO unavailable")
	if _, err := c.Rescue(t.Context()); err == nil {
		t.Fatal("Rescue() without a table = nil, want an error")
	}
	b.exec("ALTER TABLE unavailable RENAME TO workers")
	if rescued, err := c.Rescue(t.Context()); err != nil || len(rescued) > 0 {
		t.Errorf("Rescue() = %+v, %v within a lease of an error, want none", rescued, err)
	}
	c.rescue.healthySince = time.Now().Add(-2 * time.Hour)
	if rescued, err := c.Rescue(t.Context()); err != nil || len(rescued) != 1 {
		t.Errorf("Rescue() = %+v, %v after that, want one job", rescued, err)
	}
}

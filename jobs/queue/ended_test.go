package queue

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/millrace/millrace/jobs/queue/session"
)

// judge returns a leader that has had its session for long, and judges at once.
func (b *testBundle) judge() *Client {
	b.t.Helper()
	c := b.client(Config{
		Lead:  true,
		Lease: time.Minute,
		Grace: time.Nanosecond,
	}, idle)
	b.hold(c)
	b.exec("UPDATE workers SET session_since = now() - interval '1 day' WHERE id = $1", c.id)
	return c
}

// ended writes workers whose leases last and whose sessions have ended, each of which runs a job of a group.
func (b *testBundle) ended(group Group, n int) {
	b.t.Helper()
	for i := range n {
		b.exec(`INSERT INTO workers (id, renewed_at, expires_at, held_since, session_key, session_since)
			VALUES ($1, now(), now() + interval '1 hour', now(), $2, now())`, fmt.Sprintf("ended %d", i), i+1)
		b.lose(group.First+int64(i), fmt.Sprintf("ended %d", i))
	}
}

// rescueEnded calls RescueEnded, twice: the first look only sees.
func (b *testBundle) rescueEnded(c *Client) (ids []int64) {
	b.t.Helper()
	for range 2 {
		rescued, err := c.RescueEnded(b.t.Context())
		if err != nil {
			b.t.Fatal(err)
		}
		for _, job := range rescued {
			ids = append(ids, job.ID)
		}
	}
	return ids
}

// TestEndedSessions: what is rescued of workers whose lease lasts, and what is not.
func TestEndedSessions(t *testing.T) {
	for _, test := range []struct {
		name   string
		change string // of the worker, the leader ($1) or the job ($2)
		want   bool
	}{
		{"ended", "", true},
		{"ended, with a crash before", `UPDATE river_job SET metadata = '{"crashes": 1}'`, true},
		{"of the version before", "UPDATE workers SET session_key = NULL WHERE id = 'ended 0'", false},
		{"the leader has none", "UPDATE workers SET session_key = NULL WHERE id <> 'ended 0'", false},
		{"the leader's is new", "UPDATE workers SET session_since = now() WHERE id <> 'ended 0'", false},
		{
			"the leader's is new, and the other's is newer",
			"UPDATE workers SET session_since = now() + CASE id WHEN 'ended 0' THEN interval '1 ms' ELSE interval '0' END",
			true,
		},
		{"the leader's has ended", "UPDATE workers SET session_key = 1000 WHERE id <> 'ended 0'", false},
		{"an API", "UPDATE workers SET id = 'api@x' WHERE id = 'ended 0'", false},
		{"fetched since", "UPDATE river_job SET attempted_at = now() + interval '1 minute'", false},
		{
			"the last crash",
			`UPDATE river_job SET metadata = jsonb_build_object('crashes', 2, 'alone', attempted_at)`,
			false,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := setup(t)
			c := b.judge()
			group := b.enqueue(c, Tiles, 5, 5, 5)
			b.ended(group, 1)
			if test.change != "" {
				b.exec(test.change)
			}
			if got := b.rescueEnded(c); (len(got) == 1) != test.want {
				t.Errorf("RescueEnded() has rescued %v, want any: %t", got, test.want)
			}
		})
	}
}

// TestSessionThatLasts: a worker whose session lasts is not looked at twice, whichever of several leaders looks.
func TestSessionThatLasts(t *testing.T) {
	b := setup(t)
	leaders := []*Client{b.judge(), b.judge()}
	group := b.enqueue(leaders[0], Tiles, 5, 5, 5)
	b.ended(group, 1)
	other, err := b.store.Pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Release()
	if _, err := other.Exec(t.Context(), "SELECT pg_advisory_lock($1, 1)", session.Class); err != nil {
		t.Fatal(err)
	}
	for i, c := range leaders {
		if got := b.rescueEnded(c); len(got) > 0 {
			t.Errorf("leader %d has rescued %v from a worker that lives, want none", i, got)
		}
	}
	if _, err := other.Exec(t.Context(), "SELECT pg_advisory_unlock($1, 1)", session.Class); err != nil {
		t.Fatal(err)
	}
	if got := slices.Concat(b.rescueEnded(leaders[0]), b.rescueEnded(leaders[1])); len(got) != 1 {
		t.Errorf("the leaders have rescued %v, want one job, once", got)
	}
}

// TestManyEnded: when most workers have ended at once, what is between them and the database may have.
func TestManyEnded(t *testing.T) {
	for _, living := range []int{2, 3} {
		t.Run(fmt.Sprintf("two of %d", living+2), func(t *testing.T) {
			b := setup(t)
			c := b.judge()
			group := b.enqueue(c, Tiles, fourM, fourK, fourN)
			b.ended(group, 2)
			for i := range living {
				b.exec("INSERT INTO workers (id, renewed_at, expires_at) VALUES ($1, now(), now() + interval '1 hour')",
					fmt.Sprintf("lives %d", i))
			}
			if got, want := len(b.rescueEnded(c)), max(0, 2*(living-2)); got != want {
				t.Errorf("%d jobs are rescued, want %d", got, want)
			}
		})
	}
}

// TestSessionOfAnother: a leader whose own session is new judges a worker when that of another process, which lasts, is
// older than the worker's: the database has not restarted since.
func TestSessionOfAnother(t *testing.T) {
	b := setup(t)
	c := b.judge()
	group := b.enqueue(c, Tiles, 5, 5, 5)
	b.ended(group, 1)
	b.exec("UPDATE workers SET session_since = now() + interval '1 second' WHERE id = $1", c.id)
	b.exec(`INSERT INTO workers (id, renewed_at, expires_at, session_key, session_since)
		VALUES ('api@other', now(), now() + interval '1 hour', 1000, now() - interval '1 minute')`)
	if got := b.rescueEnded(c); len(got) > 0 {
		t.Errorf("while the other's has ended: %v are rescued, want none", got)
	}
	other, err := b.store.Pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Release()
	if _, err := other.Exec(t.Context(), "SELECT pg_advisory_lock($1, 1000)", session.Class); err != nil {
		t.Fatal(err)
	}
	if got := b.rescueEnded(c); len(got) != 1 {
		t.Errorf("while the other's lasts: %v are rescued, want one job", got)
	}
	if _, err := other.Exec(t.Context(), "SELECT pg_advisory_unlock($1, 1000)", session.Class); err != nil {
		t.Fatal(err)
	}
}

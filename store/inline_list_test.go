package store_test

import (
	"bytes"
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/inline"
)

// listed is a multiplication of a list.
type listed struct {
	id    uuid.UUID
	at    time.Time
	state string
}

// TestPagesOfBothKinds: pages of a list have each multiplication once and in order, whatever their limit, also when inline
// ones of both states and others were submitted within the same milliseconds.
func TestPagesOfBothKinds(t *testing.T) {
	t.Parallel()
	s := open(t)
	random := rand.New(rand.NewPCG(3, 4))
	begin := time.Date(2026, 11, 26, 20, 0, 0, 0, time.UTC)
	all := mixed(t, s, random, begin, 60)
	for _, f := range []store.Filter{
		{States: []string{"pending", "completed"}},
		{States: []string{"pending"}},
		{States: []string{"completed"}, Since: begin.Add(time.Millisecond)},
		{States: []string{"pending", "completed"}, Since: begin.Add(500 * time.Microsecond), Before: begin.Add(2 * time.Millisecond)},
		{States: []string{"pending", "completed"}, Before: begin.Add(2500 * time.Microsecond)},
	} {
		var want []uuid.UUID
		for _, m := range all {
			if slices.Contains(f.States, m.state) && !m.at.Before(f.Since) && (f.Before.IsZero() || m.at.Before(f.Before)) {
				want = append(want, m.id)
			}
		}
		for limit := 1; limit <= len(want)+1; limit++ {
			var got []uuid.UUID
			var behind *store.Position
			for {
				page, next, err := s.For(identity.DefaultTenant).Page(t.Context(), f, behind, limit)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, page...)
				if behind = next; next == nil {
					break
				}
			}
			if !slices.Equal(got, want) {
				t.Fatalf("%+v, pages of %d: got %v, want %v", f, limit, got, want)
			}
		}
	}
}

// TestPageOfInlineMatrix: the list of a matrix of an inline multiplication has that multiplication, if the filter lets it
// and the page begins before it.
func TestPageOfInlineMatrix(t *testing.T) {
	t.Parallel()
	s := open(t)
	id := store.NewID()
	if _, err := s.Pool.Exec(t.Context(), `INSERT INTO inline_pending VALUES ($1, 1, 1, 1, 1, 1, false, false, 0, '\x00')`, id); err != nil {
		t.Fatal(err)
	}
	matrix := inline.PartB.ID(id)
	at := inline.Time(id)
	pending := []string{"pending"}
	other := store.NewID()
	for name, c := range map[string]struct {
		filter store.Filter
		behind *store.Position
		want   int
	}{
		"all":               {store.Filter{States: pending, Matrix: &matrix}, nil, 1},
		"since then":        {store.Filter{States: pending, Matrix: &matrix, Since: at}, nil, 1},
		"since later":       {store.Filter{States: pending, Matrix: &matrix, Since: at.Add(time.Millisecond)}, nil, 0},
		"before":            {store.Filter{States: pending, Matrix: &matrix, Before: at}, nil, 0},
		"behind it":         {store.Filter{States: pending, Matrix: &matrix}, &store.Position{ID: id, CreatedAt: at}, 0},
		"behind a newer":    {store.Filter{States: pending, Matrix: &matrix}, &store.Position{ID: uuid.Max, CreatedAt: at.Add(time.Hour)}, 1},
		"of another state":  {store.Filter{States: []string{"completed"}, Matrix: &matrix}, nil, 0},
		"of another matrix": {store.Filter{States: pending, Matrix: &other}, nil, 0},
	} {
		ids, next, err := s.For(identity.DefaultTenant).Page(t.Context(), c.filter, c.behind, 5)
		if err != nil || next != nil || len(ids) != c.want {
			t.Errorf("%s: %v, %v, %v, want %d", name, ids, next, err, c.want)
		}
	}
	if ids, _, err := s.For(identity.DefaultTenant+1).Page(t.Context(), store.Filter{States: pending, Matrix: &matrix}, nil, 5); err != nil ||
		len(ids) > 0 {
		t.Errorf("another tenant sees %v, %v", ids, err)
	}
}

// mixed writes multiplications of all kinds, which were submitted within a few milliseconds. It returns them newest first.
func mixed(t *testing.T, s *store.Store, random *rand.Rand, begin time.Time, n int) (all []listed) {
	t.Helper()
	exec := func(sql string, args ...any) {
		if _, err := s.Pool.Exec(t.Context(), sql, args...); err != nil {
			t.Fatal(err)
		}
	}
	matrix := store.NewID()
	exec(`INSERT INTO matrices (id, rows, cols, dtype, source, state, seed, expires_at)
		VALUES ($1, 1, 1, 'float64', 'random', 'ready', 1, now() + interval '1 hour')`, matrix)
	for range n {
		m := listed{at: begin.Add(time.Duration(random.IntN(4)) * time.Millisecond)}
		m.id = inline.FirstID(m.at)
		m.id[8] = 0x80
		m.id[15] = byte(random.Uint32()) &^ 3
		m.id[14] = byte(random.Uint32())
		m.state = []string{"pending", "completed"}[random.IntN(2)]
		switch kind := random.IntN(3); {
		case kind > 0: // some of them expanded, the others made with an id of their own
			if kind == 2 {
				m.id[15] |= 1
				m.at = m.at.Add(time.Duration(random.IntN(1000)) * time.Microsecond)
			}
			exec(`INSERT INTO multiplications (id, a, b, c, priority, state, m, k, n, dtype, tile_rows, tile_cols, tiles_total,
					tiles_completed, first_job, last_job, created_at, started_at, finished_at, expires_at)
				VALUES ($1, $2, $2, $2, 1, $3, 1, 1, 1, 'float64', 1, 1, 1, CASE $3 WHEN 'completed' THEN 1 ELSE 0 END, 1, 0, $4,
					now(), CASE $3 WHEN 'completed' THEN now() END, now() + interval '1 hour')`, m.id, matrix, m.state, m.at)
		case m.state == "pending":
			exec(`INSERT INTO inline_pending VALUES ($1, 1, 1, 1, 1, 1, false, false, 0, '\x00')`, m.id)
		default:
			exec(`INSERT INTO inline_completed VALUES ($1, 1, now(), now(), 1, 1, 1, 1, false, false, 0, 0, '\x00', '\x00')`, m.id)
		}
		all = append(all, m)
	}
	slices.SortFunc(all, func(x, y listed) int { return cmp.Or(y.at.Compare(x.at), bytes.Compare(y.id[:], x.id[:])) })
	return all
}

package jobs

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/internal/testdb"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/blocks"
)

// move is a statement of the store that implements a transition, in one of the cases that it tells apart.
type move struct {
	statement  string // its name in SQL
	transition transition
	before     func(*store.Multiplication) // what the row must be like before, apart from its state
	call       func(b *transitionBundle, id uuid.UUID) (bool, error)
}

var moves = []move{
	{
		statement:  "StartMultiplication",
		transition: start,
		call: func(b *transitionBundle, id uuid.UUID) (bool, error) {
			return b.store.ForAll().StartMultiplication(b.t.Context(), id)
		},
	},
	{
		statement:  "CountTile",
		transition: advance,
		call:       (*transitionBundle).countTile,
	},
	{
		statement:  "CountTile",
		transition: complete,
		before:     func(m *store.Multiplication) { m.TilesCompleted = m.TilesTotal - 1 },
		call:       (*transitionBundle).countTile,
	},
	{
		statement:  "CompleteReused",
		transition: complete,
		call:       (*transitionBundle).completeReused,
	},
	{
		statement:  "EndMultiplication",
		transition: fail,
		call: func(b *transitionBundle, id uuid.UUID) (bool, error) {
			return b.inTx(func(tx *store.Tx) (bool, error) {
				return tx.EndMultiplication(b.t.Context(), id, string(Failed), "a reason")
			})
		},
	},
	{
		statement:  "EndMultiplication",
		transition: cancel,
		call: func(b *transitionBundle, id uuid.UUID) (bool, error) {
			return b.inTx(func(tx *store.Tx) (bool, error) {
				return tx.EndMultiplication(b.t.Context(), id, string(Cancelled), "")
			})
		},
	},
	{
		statement:  "ReopenMultiplication",
		transition: retry,
		before:     func(m *store.Multiplication) { m.StartedAt = nil },
		call:       (*transitionBundle).reopen,
	},
	{
		statement:  "ReopenMultiplication",
		transition: retry,
		before:     func(m *store.Multiplication) { m.StartedAt = new(time.Now()) },
		call:       (*transitionBundle).reopen,
	},
	{
		statement:  "DeleteMultiplication",
		transition: remove,
		call: func(b *transitionBundle, id uuid.UUID) (bool, error) {
			return b.inTx(func(tx *store.Tx) (bool, error) { return tx.DeleteMultiplication(b.t.Context(), id) })
		},
	},
	{
		statement:  "DeleteExpiredMultiplications",
		transition: remove,
		before:     func(m *store.Multiplication) { m.ExpiresAt = time.Now().Add(-time.Minute) },
		call: func(b *transitionBundle, _ uuid.UUID) (bool, error) {
			swept, err := b.store.SweepExpired(b.t.Context())
			return swept.Multiplications > 0, err
		},
	},
}

// transitionBundle is a store on a database of its own.
type transitionBundle struct {
	t     *testing.T
	store *store.Store
}

func newTransitionBundle(t *testing.T) *transitionBundle {
	t.Helper()
	pool := testdb.New(t)
	contents, err := blocks.Open("postgres", pool)
	if err != nil {
		t.Fatal(err)
	}
	return &transitionBundle{t: t, store: store.Open(pool, contents, time.Hour)}
}

func (b *transitionBundle) inTx(f func(*store.Tx) (bool, error)) (changed bool, err error) {
	err = b.store.InTx(b.t.Context(), func(tx *store.Tx) error {
		changed, err = f(tx)
		return err
	})
	return changed, err
}

// insert writes a multiplication of three tiles in a state, and returns its row.
func (b *transitionBundle) insert(state State, before func(*store.Multiplication)) store.Multiplication {
	b.t.Helper()
	m := store.Multiplication{
		ID:         store.NewID(),
		TilesTotal: 3,
		ExpiresAt:  time.Now().Add(time.Hour),
	}
	if before != nil {
		before(&m)
	}
	if state == Completed {
		m.TilesCompleted = m.TilesTotal
	}
	if state.Final() {
		m.FinishedAt = new(time.Now())
	}
	if state == Failed {
		m.Failure = new("a reason")
	}
	operand := store.NewRandom(matrix.Shape{DType: matrix.Float64}, 1)
	if _, err := b.inTx(func(tx *store.Tx) (bool, error) {
		_, err := tx.For(identity.DefaultTenant).InsertMatrix(b.t.Context(), operand)
		return true, err
	}); err != nil {
		b.t.Fatal(err)
	}
	const sql = `INSERT INTO multiplications (id, a, b, c, priority, state, m, k, n, dtype, tile_rows, tile_cols,
		tiles_total, tiles_completed, failure, started_at, finished_at, expires_at)
		VALUES ($1, $2, $2, $2, 1, $3, 1, 1, 1, 'float64', 1, 1, $4, $5, $6, $7, $8, $9)`
	if _, err := b.store.Pool.Exec(b.t.Context(), sql, m.ID, operand.ID, string(state), m.TilesTotal,
		m.TilesCompleted, m.Failure, m.StartedAt, m.FinishedAt, m.ExpiresAt); err != nil {
		b.t.Fatalf("inserting a multiplication that is %s: %v", state, err)
	}
	row, exists := b.read(m.ID)
	if !exists {
		b.t.Fatalf("the multiplication that is %s does not exist", state)
	}
	return row
}

// read returns the row of a multiplication, if it exists.
func (b *transitionBundle) read(id uuid.UUID) (store.Multiplication, bool) {
	b.t.Helper()
	rows, err := b.store.ForAll().Multiplications(b.t.Context(), []uuid.UUID{id})
	if err != nil {
		b.t.Fatal(err)
	}
	if len(rows) == 0 {
		return store.Multiplication{}, false
	}
	return rows[0], true
}

// TestStatementsFollowTransitions: the guards of the statements and the table transitions say the same.
func TestStatementsFollowTransitions(t *testing.T) {
	t.Parallel()
	b := newTransitionBundle(t)
	reached := map[transition]map[State][]State{}
	for _, m := range moves {
		if reached[m.transition] == nil {
			reached[m.transition] = map[State][]State{}
		}
		for _, from := range States() {
			if to, changed := b.apply(m, from); changed && !slices.Contains(reached[m.transition][from], to) {
				reached[m.transition][from] = append(reached[m.transition][from], to)
			}
		}
	}
	if !reflect.DeepEqual(reached, transitions) {
		t.Errorf("the statements lead to %q, want %q as in the table", reached, transitions)
	}
}

// apply calls a statement on a multiplication in a state, and returns to which state that led.
func (b *transitionBundle) apply(m move, from State) (to State, changed bool) {
	b.t.Helper()
	before := b.insert(from, m.before)
	changed, err := m.call(b, before.ID)
	if err != nil {
		b.t.Fatalf("%s of one that is %s: %v", m.statement, from, err)
	}
	after, _ := b.read(before.ID)
	if allowed := from.allows(m.transition); changed != allowed {
		b.t.Errorf("%s of one that is %s reports %t, want %t", m.statement, from, changed, allowed)
	}
	if !changed && !reflect.DeepEqual(after, before) {
		b.t.Errorf("%s of one that is %s leaves %+v, want it as before, %+v", m.statement, from, after, before)
	}
	return State(after.State), changed
}

// TestMovesAreComplete: each statement that updates or deletes multiplications is among the moves, or says that it is
// none.
func TestMovesAreComplete(t *testing.T) {
	t.Parallel()
	var got []string
	for _, pattern := range []string{"../store/query/*.sql", "queue/query/*.sql"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("Glob(%s) = %v, %v, want files", pattern, files, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, statement := range strings.Split(string(text), "-- name: ")[1:] {
				if writes.MatchString(statement) && !strings.Contains(statement, "\n-- No transition: ") {
					got = append(got, strings.Fields(statement)[0])
				}
			}
		}
	}
	var want []string
	for _, m := range moves {
		want = append(want, m.statement)
	}
	slices.Sort(got)
	slices.Sort(want)
	if want = slices.Compact(want); !slices.Equal(got, want) {
		t.Errorf("multiplications are changed by %q, want %q", got, want)
	}
}

// writes matches a statement that updates or deletes multiplications.
var writes = regexp.MustCompile(`(?m)^\s*(UPDATE|DELETE FROM) multiplications\b`)

// TestReopenedState: a multiplication goes on as one that is in progress if a tile of it was ever started.
func TestReopenedState(t *testing.T) {
	t.Parallel()
	b := newTransitionBundle(t)
	for want, started := range map[State]*time.Time{Pending: nil, InProgress: new(time.Now())} {
		for _, from := range []State{Failed, Cancelled} {
			row := b.insert(from, func(m *store.Multiplication) { m.StartedAt = started })
			if _, err := b.reopen(row.ID); err != nil {
				t.Fatal(err)
			}
			if after, _ := b.read(row.ID); State(after.State) != want || after.Failure != nil || after.FinishedAt != nil {
				t.Errorf("reopened from %s, started at %v: %+v, want it %s and without an outcome", from, started, after, want)
			}
		}
	}
}

// TestEndMultiplicationOnlyEnds: other states than failed and cancelled are refused.
func TestEndMultiplicationOnlyEnds(t *testing.T) {
	t.Parallel()
	b := newTransitionBundle(t)
	for _, to := range []State{Pending, InProgress, Completed} {
		row := b.insert(InProgress, nil)
		ended, err := b.inTx(func(tx *store.Tx) (bool, error) {
			return tx.EndMultiplication(t.Context(), row.ID, string(to), "")
		})
		if after, _ := b.read(row.ID); err != nil || ended || !reflect.DeepEqual(after, row) {
			t.Errorf("EndMultiplication() as %s = %t, %v, and leaves %+v, want false and no change", to, ended, err, after)
		}
	}
}

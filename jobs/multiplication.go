// Package jobs is the domain: what a multiplication is, what may happen to it, and the work that it takes. This file
// has the type, its states and the transitions between them; limits.go what is too large; and one file per operation
// the rest: submit.go, batches.go, cancel.go, retry.go, delete.go, reconcile.go. The workers of River's jobs are in
// worker_*.go, each with its args.
package jobs

import (
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/inline"
	"github.com/millrace/millrace/store/objects"
)

// Multiplication is one accepted request for C = A·B, A being m×k and B k×n, and what becomes of it. Its result is
// computed in tiles, one job each. Its row in the store keeps the outcome; the queue keeps attempts, errors and
// schedule of its jobs.
type Multiplication struct {
	ID       uuid.UUID
	Tenant   identity.TenantID // whose it is
	A        Ref
	B        Ref
	C        Ref // the result; its content is complete once the state is Completed
	Priority int // MinPriority to MaxPriority, 1 is the most urgent
	State    State
	Plan     matrix.Plan
	Jobs     queue.Group

	TilesTotal     int64
	TilesCompleted int64 // each tile counts once, however often it is computed
	TilesUnqueued  int64 // the last ones, whose jobs are enqueued later
	Progress       queue.Progress

	Failure string        // why it failed; empty unless the state is Failed
	Errors  []queue.Error // of attempts at its tiles, newest first, at most 50

	CreatedAt  time.Time
	StartedAt  *time.Time    // when its first tile was started
	FinishedAt *time.Time    // set exactly while the state is final
	ExpiresAt  time.Time     // when a finished one is deleted
	Retention  time.Duration // of its own; 0: it has none
	Output     *objects.Output
	Webhook    *string // the url of the one that its submission names
	Reused     bool    // it has the result of an earlier one, and nothing was computed

	reuseKey []byte                 // see package reuse
	own      bool                   // of one that is being accepted: see Submission
	inline   *inline.Multiplication // if it is inline, with its contents
}

// Ref names a matrix that is part of a multiplication.
type Ref struct {
	ID    uuid.UUID
	Shape matrix.Shape
}

// State is the state of a multiplication, as clients see it.
type State string

// The states of a multiplication.
const (
	Pending    State = "pending"     // no tile has been started
	InProgress State = "in_progress" // at least one tile was started
	Completed  State = "completed"   // each tile is stored; this is for good
	Failed     State = "failed"      // a tile cannot be computed; Failure says why
	Cancelled  State = "cancelled"   // by a client
)

// States are the states in the order of a life.
func States() []State { return []State{Pending, InProgress, Completed, Failed, Cancelled} }

// Final reports whether the state is an outcome: no job of the multiplication will run, unless it is retried.
func (s State) Final() bool { return s == Completed || s == Failed || s == Cancelled }

// finalStates returns the states in which a multiplication can end.
func finalStates() []string { return []string{string(Completed), string(Failed), string(Cancelled)} }

// transition is something that may happen to a multiplication.
type transition string

const (
	start    transition = "start"    // a worker has fetched the first tile
	advance  transition = "advance"  // a tile was counted, and others are left
	complete transition = "complete" // the last tile was counted
	fail     transition = "fail"     // a tile is out of attempts, cannot succeed, or is quarantined
	cancel   transition = "cancel"   // a client wants no result
	retry    transition = "retry"    // a client, or a person in River UI, wants a result after all
	remove   transition = "delete"   // a client or the retention deletes the row, and the result unless others use it
)

// transitions is the table of what may happen in which state, and to which state it leads; "" is no row. A
// multiplication without elements is submitted as Completed; each other one as Pending. The statements of package
// store repeat the table as guards in SQL: a test compares both.
var transitions = map[transition]map[State][]State{
	start:    {Pending: {InProgress}},
	advance:  {Pending: {InProgress}, InProgress: {InProgress}},
	complete: {Pending: {Completed}, InProgress: {Completed}},
	fail:     {Pending: {Failed}, InProgress: {Failed}},
	cancel:   {Pending: {Cancelled}, InProgress: {Cancelled}},
	retry:    {Failed: {Pending, InProgress}, Cancelled: {Pending, InProgress}}, // InProgress if a tile was ever started
	remove:   {Completed: {""}, Failed: {""}, Cancelled: {""}},
}

// allows reports whether something may happen to a multiplication in this state.
func (s State) allows(t transition) bool { return len(transitions[t][s]) > 0 }

// newMultiplication returns the multiplication that a row describes, without what the queue knows. The types of the
// operands are those of the result unless the caller sets them.
func newMultiplication(row store.Multiplication) Multiplication {
	m := Multiplication{
		ID:     row.ID,
		Tenant: row.TenantID,
		A: Ref{ID: row.A, Shape: matrix.Shape{
			Rows:  row.M,
			Cols:  row.K,
			DType: row.DType,
		}},
		B: Ref{ID: row.B, Shape: matrix.Shape{
			Rows:  row.K,
			Cols:  row.N,
			DType: row.DType,
		}},
		C:        Ref{ID: row.C, Shape: row.ResultShape()},
		Priority: int(row.Priority),
		State:    State(row.State),
		Plan:     row.Plan(),
		Jobs: queue.Group{
			ID:    row.ID,
			First: row.FirstJob,
			Last:  row.LastJob,
		},
		TilesTotal:     row.TilesTotal,
		TilesCompleted: row.TilesCompleted,
		TilesUnqueued:  row.TilesUnqueued,
		CreatedAt:      row.CreatedAt,
		StartedAt:      row.StartedAt,
		FinishedAt:     row.FinishedAt,
		ExpiresAt:      row.ExpiresAt,
		Output:         row.Output,
		Webhook:        row.Webhook,
		Reused:         row.Reused,
	}
	if row.Retention != nil {
		m.Retention = *row.Retention
	}
	if row.Failure != nil {
		m.Failure = *row.Failure
	}
	return m
}

// row returns the row of a new multiplication.
func (m Multiplication) row() store.Multiplication {
	return store.Multiplication{
		ID:            m.ID,
		A:             m.A.ID,
		B:             m.B.ID,
		C:             m.C.ID,
		Priority:      int16(m.Priority), //nolint:gosec // 1 to 4
		State:         string(m.State),
		M:             m.Plan.M,
		K:             m.Plan.K,
		N:             m.Plan.N,
		DType:         m.C.Shape.DType,
		TileRows:      m.Plan.TileRows,
		TileCols:      m.Plan.TileCols,
		TileDepth:     m.Plan.TileDepth,
		TilesTotal:    m.TilesTotal,
		TilesUnqueued: m.TilesUnqueued,
		Batched:       m.TilesUnqueued > 0,
		FirstJob:      m.Jobs.First,
		LastJob:       m.Jobs.Last,
		StartedAt:     m.StartedAt,
		FinishedAt:    m.FinishedAt,
		Output:        m.Output,
		ReuseKey:      m.reuseKey,
	}
}

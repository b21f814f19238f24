package store_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/blocks"
)

func TestSweep(t *testing.T) {
	t.Parallel()
	s := open(t)
	ctx := t.Context()
	shape := matrix.Shape{
		Rows:  300,
		Cols:  300,
		DType: matrix.Float64,
	}
	upload := func(retention time.Duration) store.Matrix {
		s.Retention = retention
		u := s.For(identity.DefaultTenant).NewUpload(ctx, shape, false, store.FromUpload)
		if _, err := u.Write(content(shape)); err != nil {
			t.Fatal(err)
		}
		m, err := finish(t, s, u)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	expired, kept := upload(-time.Minute), upload(time.Hour)
	orphan := oldID(t)
	if err := s.Blocks.Put(ctx, orphan, 0, []byte("x")); err != nil {
		t.Fatal(err)
	}
	if swept, err := s.SweepExpired(ctx); err != nil || swept != (store.Swept{Matrices: 1}) {
		t.Errorf("SweepExpired() = %+v, %v, want one matrix", swept, err)
	}
	if swept, err := s.SweepOrphans(ctx); err != nil || swept != (store.Swept{Orphans: 1}) {
		t.Errorf("SweepOrphans() = %+v, %v, want one orphan", swept, err)
	}
	if _, err := s.For(identity.DefaultTenant).Matrix(ctx, expired.ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the expired matrix: %v", err)
	}
	owners, err := blocks.AllOwners(ctx, s.Blocks)
	if err != nil || len(owners) != 1 || owners[0] != kept.ID {
		t.Errorf("the blocks of %v are left, %v", owners, err)
	}
}

// oldID returns an id as NewID made it a day ago.
func oldID(t *testing.T) uuid.UUID {
	t.Helper()
	id := store.NewID()
	ms := time.Now().Add(-24 * time.Hour).UnixMilli()
	for i := range 6 {
		id[i] = byte(ms >> (8 * (5 - i)))
	}
	return id
}

// TestSweepOrphansIsCareful: young blocks stay, and so do all if most of the store seems to be orphaned.
func TestSweepOrphansIsCareful(t *testing.T) {
	t.Parallel()
	s := open(t)
	put := func(id uuid.UUID) {
		if err := s.Blocks.Put(t.Context(), id, 0, []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	put(store.NewID())
	put(uuid.New())
	if swept, err := s.SweepOrphans(t.Context()); err != nil || swept.Orphans != 0 {
		t.Errorf("SweepOrphans() = %+v, %v, want none: one is young, the other not ours", swept, err)
	}
	for range 70 {
		put(oldID(t))
	}
	if swept, err := s.SweepOrphans(t.Context()); !errors.Is(err, store.ErrTooManyOrphans) || swept.Orphans != 0 {
		t.Errorf("SweepOrphans() = %+v, %v, want ErrTooManyOrphans", swept, err)
	}
	s.SweepAll = true
	if swept, err := s.SweepOrphans(t.Context()); err != nil || swept.Orphans != 70 {
		t.Errorf("SweepOrphans() = %+v, %v, want 70 orphans", swept, err)
	}
	if left := owners(t, s); len(left) != 2 {
		t.Errorf("%d matrices have blocks, want 2", len(left))
	}
}

// undeletable is a block store that cannot delete the blocks of one matrix.
type undeletable struct {
	blocks.Store
	id uuid.UUID
}

func (u undeletable) Discard(ctx context.Context, id uuid.UUID) error {
	if id == u.id {
		return errors.New("permission denied")
	}
	return u.Store.Discard(ctx, id)
}

// TestOneOrphanStays: one that cannot be deleted does not keep the others.
func TestOneOrphanStays(t *testing.T) {
	t.Parallel()
	s := open(t)
	var ids []uuid.UUID
	for range 20 {
		ids = append(ids, oldID(t))
		if err := s.Blocks.Put(t.Context(), ids[len(ids)-1], 0, []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	s.Blocks = undeletable{s.Blocks, ids[3]}
	if swept, err := s.SweepOrphans(t.Context()); err == nil || swept.Orphans != 19 {
		t.Errorf("SweepOrphans() = %+v, %v, want 19 orphans and an error", swept, err)
	}
}

// TestUploadIsRenewed: an upload that takes longer than its life is kept while it lasts, and one that is over is swept.
func TestUploadIsRenewed(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.UploadLife = 3 * time.Second
	begin := func(ctx context.Context) *store.Upload {
		u := s.For(identity.DefaultTenant).NewUpload(ctx, sharedShape, false, store.FromUpload)
		if _, err := u.Write(content(sharedShape)[:100_000]); err != nil {
			t.Fatal(err)
		}
		return u
	}
	dead, die := context.WithCancel(t.Context())
	begin(dead)
	living := begin(t.Context())
	var born time.Time
	if err := s.Pool.QueryRow(t.Context(), "SELECT clock_timestamp()").Scan(&born); err != nil {
		t.Fatal(err)
	}
	die()
	var swept store.Swept
	for swept.Matrices == 0 { // until the dead one expires, which was as young as the other
		var err error
		if swept, err = s.SweepExpired(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if swept.Matrices != 1 {
		t.Errorf("%d matrices are swept, want 1", swept.Matrices)
	}
	const over = "SELECT pg_sleep(extract(epoch FROM $1 - clock_timestamp()))"
	if _, err := s.Pool.Exec(t.Context(), over, born.Add(s.UploadLife)); err != nil {
		t.Fatal(err)
	}
	if swept, err := s.SweepExpired(t.Context()); err != nil || swept.Matrices != 0 {
		t.Errorf("%d matrices are swept, %v, after the life of the one that is renewed, want 0", swept.Matrices, err)
	}
	if _, err := living.Write(content(sharedShape)[100_000:]); err != nil {
		t.Fatal(err)
	}
	if _, err := finish(t, s, living); err != nil {
		t.Error(err)
	}
}

// TestSweepOfSeveralBatches: a sweep ends when nothing is left, also where a batch is full.
func TestSweepOfSeveralBatches(t *testing.T) {
	t.Parallel()
	s := open(t)
	for _, n := range []int64{50, 51, 100} { // a batch has 50
		const expired = `INSERT INTO matrices (id, rows, cols, dtype, source, state, seed, expires_at)
			SELECT gen_random_uuid(), 1, 1, 'float64', 'random', 'ready', 1, now() FROM generate_series(1, $1)`
		if _, err := s.Pool.Exec(t.Context(), expired, n); err != nil {
			t.Fatal(err)
		}
		if swept, err := s.SweepExpired(t.Context()); err != nil || swept.Matrices != n {
			t.Errorf("%d of %d matrices are swept, %v", swept.Matrices, n, err)
		}
	}
}

package store_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/internal/testdb"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/blocks"
)

// TestFailedUpload is TestFailedStatements for an upload, and its giving up.
func TestFailedUpload(t *testing.T) {
	t.Parallel()
	sound := open(t)
	pool, faults := testdb.Faulty(t, sound.Pool)
	for kind, contents := range map[string]blocks.Store{"files": sound.Blocks, "Postgres": blocks.NewPostgres(pool)} {
		s := store.Open(pool, contents, time.Hour)
		shape := matrix.Shape{
			Rows:  matrix.UnknownRows,
			Cols:  store.MaxInline / 8,
			DType: matrix.Float64,
		}
		upload := func(ctx context.Context, end func(u *store.Upload) error) (err error) {
			u := s.For(identity.DefaultTenant).NewUpload(ctx, shape, false, store.FromUpload)
			defer func() {
				if err != nil {
					_ = u.Abort() // what it writes must not be taken for the next one's
				}
			}()
			for range 2 {
				if _, err := u.Write(make([]byte, store.MaxInline)); err != nil {
					return err
				}
			}
			if _, err := u.Close(); err != nil {
				return err
			}
			return end(u)
		}
		for name, end := range map[string]func(ctx context.Context, u *store.Upload) error{
			"finish": func(ctx context.Context, u *store.Upload) error {
				err := s.InTx(ctx, func(tx *store.Tx) error { _, err := u.FinishTx(ctx, tx); return err })
				if err != nil {
					return err
				}
				return u.DropCopy()
			},
			"abort": func(_ context.Context, u *store.Upload) error { return u.Abort() },
		} {
			faults.Each(t, kind+", "+name, func() func(context.Context) error {
				return func(ctx context.Context) error {
					return upload(ctx, func(u *store.Upload) error { return end(ctx, u) })
				}
			})
		}
	}
}

// forgetful is a block store in Postgres that has lost a block in a crash.
type forgetful struct{ blocks.Store }

func (f forgetful) Put(ctx context.Context, id uuid.UUID, index int64, data []byte) error {
	if index == 11 {
		return nil
	}
	return f.Store.Put(ctx, id, index, data)
}

// TestUploadAfterCrash: an upload does not end whose blocks a crash of the database took back, and one that goes on later
// gets no mark behind them.
func TestUploadAfterCrash(t *testing.T) {
	t.Parallel()
	s := open(t)
	shape := matrix.Shape{
		Rows:  2000,
		Cols:  2000,
		DType: matrix.Float64,
	}
	for name, end := range map[string]func(u *store.Upload) error{
		"Flush": func(u *store.Upload) error {
			mark, err := u.Mark(shape.Bytes())
			if err != nil {
				return err
			}
			return u.Flush(mark)
		},
		"Close": func(u *store.Upload) error { _, err := u.Close(); return err },
	} {
		for lost, contents := range map[bool]blocks.Store{
			false: blocks.NewPostgres(s.Pool),
			true:  forgetful{blocks.NewPostgres(s.Pool)},
		} {
			s.Blocks = contents
			u := s.For(identity.DefaultTenant).NewUpload(t.Context(), shape, false, store.FromUpload)
			if _, err := u.Write(make([]byte, shape.Bytes())); err != nil {
				t.Fatal(err)
			}
			if err := end(u); lost != errors.Is(err, blocks.ErrUnavailable) || !lost && err != nil {
				t.Errorf("%s() = %v; a block is lost: %t", name, err, lost)
			}
			if err := u.Abort(); err != nil {
				t.Error(err)
			}
		}
	}
}

// gated is a block store in Postgres that does not take blocks from some index on until its gate is open.
type gated struct {
	blocks.Store
	from   int64
	gate   chan struct{}
	synced [][]int64
}

func (g *gated) Put(ctx context.Context, id uuid.UUID, index int64, data []byte) error {
	if index >= g.from {
		select {
		case <-g.gate:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return g.Store.Put(ctx, id, index, data)
}

func (g *gated) Sync(ctx context.Context, id uuid.UUID, indexes []int64) error {
	g.synced = append(g.synced, indexes)
	return g.Store.Sync(ctx, id, indexes)
}

// TestFlushOfMark: a place of an upload is good while what follows it is still on its way to the block store.
func TestFlushOfMark(t *testing.T) {
	t.Parallel()
	s := open(t)
	shape := matrix.Shape{
		Rows:  512,
		Cols:  2000,
		DType: matrix.Float64,
	}
	contents := &gated{
		Store: blocks.NewPostgres(s.Pool),
		from:  2,
		gate:  make(chan struct{}),
	}
	s.Blocks = contents
	u, err := s.For(identity.DefaultTenant).ContinueUpload(t.Context(), store.NewID(), shape, false, store.Mark{}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	defer u.Suspend()
	var marks [2]store.Mark
	for i, written := 0, int64(0); i < len(marks); i++ {
		n, err := u.Write(make([]byte, u.Next()))
		if err != nil {
			t.Fatal(err)
		}
		written += int64(n)
		if marks[i], err = u.Mark(written); err != nil {
			t.Fatal(err)
		}
	}
	if err := u.Flush(marks[0]); err != nil {
		t.Errorf("Flush() of the first place = %v while the blocks behind it wait", err)
	}
	close(contents.gate)
	if err := u.Flush(marks[1]); err != nil {
		t.Errorf("Flush() of the second place = %v", err)
	}
	if want := [][]int64{{0, 1}, {2, 3}}; !slices.EqualFunc(contents.synced, want, slices.Equal) {
		t.Errorf("synced %v, want %v", contents.synced, want)
	}
}

// refusing is a block store that takes no blocks, and has nothing to sync, as one of objects.
type refusing struct{ blocks.Store }

func (refusing) Put(context.Context, uuid.UUID, int64, []byte) error { return blocks.ErrUnavailable }

func (refusing) Sync(context.Context, uuid.UUID, []int64) error { return nil }

// TestFlushOfFailedBlock: no place is good behind a block that could not be stored.
func TestFlushOfFailedBlock(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.Blocks = refusing{s.Blocks}
	shape := matrix.Shape{
		Rows:  1,
		Cols:  1000,
		DType: matrix.Float64,
	}
	u, err := s.For(identity.DefaultTenant).ContinueUpload(
		t.Context(), store.NewID(), shape, false, store.Mark{}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	defer u.Suspend()
	if _, err := u.Write(make([]byte, shape.Bytes())); err != nil {
		t.Fatal(err)
	}
	mark, err := u.Mark(shape.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if err := u.Flush(mark); !errors.Is(err, blocks.ErrUnavailable) {
		t.Errorf("Flush() = %v behind a block that was refused", err)
	}
}

package store_test

import (
	"context"
	"errors"
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
		"Flush": func(u *store.Upload) error { return u.Flush() },
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

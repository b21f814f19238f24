package store_test

import (
	"context"
	"testing"
	"time"

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

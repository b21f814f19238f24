package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/store"
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
		u := s.NewUpload(ctx, shape, false, store.FromUpload)
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
	orphan := uuid.New()
	if err := s.Blocks.Put(ctx, orphan, 0, []byte("x")); err != nil {
		t.Fatal(err)
	}
	if swept, err := s.SweepExpired(ctx); err != nil || swept != (store.Swept{Matrices: 1}) {
		t.Errorf("SweepExpired() = %+v, %v, want one matrix", swept, err)
	}
	if swept, err := s.SweepOrphans(ctx); err != nil || swept != (store.Swept{Orphans: 1}) {
		t.Errorf("SweepOrphans() = %+v, %v, want one orphan", swept, err)
	}
	if _, err := s.Matrix(ctx, expired.ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the expired matrix: %v", err)
	}
	owners, err := s.Blocks.Owners(ctx, uuid.Nil, 10)
	if err != nil || len(owners) != 1 || owners[0] != kept.ID {
		t.Errorf("the blocks of %v are left, %v", owners, err)
	}
}

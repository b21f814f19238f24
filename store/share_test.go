package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/blocks"
)

// sharedShape is that of a content in a few blocks.
var sharedShape = matrix.Shape{
	Rows:  300,
	Cols:  1100,
	DType: matrix.Float32,
}

// variant returns one of some contents of that shape.
func variant(i int) []byte {
	data := content(sharedShape)
	data[0] = byte(i)
	return data
}

// uploadForm stores a content as it may come: row by row, column by column, or without saying how many rows there are.
func uploadForm(ctx context.Context, t testing.TB, s *store.Store, data []byte, form int) (*store.Upload, error) {
	t.Helper()
	shape, sent := sharedShape, data
	switch form % 3 {
	case 1:
		sent = columnMajor(data, shape)
	case 2:
		shape.Rows = matrix.UnknownRows
	}
	u := s.For(identity.DefaultTenant).NewUpload(ctx, shape, form%3 == 1, store.FromUpload)
	_, err := u.Write(sent)
	return u, err
}

func mustUpload(t *testing.T, s *store.Store, data []byte, form int) store.Matrix {
	t.Helper()
	u, err := uploadForm(t.Context(), t, s, data, form)
	if err != nil {
		t.Fatal(err)
	}
	m, err := finish(t, s, u)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// owners returns the ids that have blocks, in order.
func owners(t *testing.T, s *store.Store) []uuid.UUID {
	t.Helper()
	ids, err := blocks.AllOwners(t.Context(), s.Blocks)
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(ids, func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
	return ids
}

func readsAs(t *testing.T, s *store.Store, m store.Matrix, want []byte) error {
	t.Helper()
	got := make([]byte, len(want))
	if err := s.Source(m).ReadRect(t.Context(), m.Shape().Rect(), got); err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("matrix %s has another content", m.ID)
	}
	return nil
}

func TestSharedContent(t *testing.T) {
	t.Parallel()
	for first := range 3 {
		t.Run(fmt.Sprint("form ", first), func(t *testing.T) {
			t.Parallel()
			s := open(t)
			data := variant(0)
			all := []store.Matrix{mustUpload(t, s, data, first)}
			for form := range 3 {
				all = append(all, mustUpload(t, s, data, form))
			}
			mustUpload(t, s, variant(1), 0) // another content
			if ids := owners(t, s); len(ids) != 2 || !slices.Contains(ids, all[0].ID) {
				t.Errorf("blocks of %v, want those of %s and of another one", ids, all[0].ID)
			}
			for i := 0; i < len(all); i++ {
				m := all[i]
				if err := readsAs(t, s, m, data); err != nil {
					t.Errorf("%d: %v", i, err)
				}
				if m.BlockOwner() != all[0].ID || (i > 0 && m.ID == all[0].ID) {
					t.Errorf("%d: blocks of %s", i, m.BlockOwner())
				}
				if err := remove(t, s, m.ID); err != nil { // the owner at first
					t.Fatal(err)
				}
				if err := remove(t, s, m.ID); !errors.Is(err, store.ErrNotFound) {
					t.Errorf("%d: removed twice: %v", i, err)
				}
				if _, err := s.For(identity.DefaultTenant).Matrix(t.Context(), m.ID); !errors.Is(err, store.ErrNotFound) {
					t.Errorf("%d: it is still there: %v", i, err)
				}
				sweep(t, s)
				if i == 1 { // after the owner has gone its content is still found
					all = append(all, mustUpload(t, s, data, 0))
				}
			}
			if ids := owners(t, s); len(ids) != 1 {
				t.Errorf("after all are deleted: got the blocks of %v, want those of one other matrix", ids)
			}
		})
	}
}

// sweep does what maintenance does.
func sweep(t *testing.T, s *store.Store) {
	t.Helper()
	if _, err := s.SweepExpired(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := s.SweepOrphans(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestNotShared: a content is not shared that is expired, removed, incomplete or not in blocks.
func TestNotShared(t *testing.T) {
	t.Parallel()
	s := open(t)
	data := variant(0)
	own := func(why string) {
		t.Helper()
		if m := mustUpload(t, s, data, 0); m.ContentID != nil {
			t.Errorf("%s: it shares the blocks of %s, want blocks of its own", why, m.ContentID)
		}
	}
	exec := func(sql string) {
		t.Helper()
		if _, err := s.Pool.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	own("the first")
	exec("UPDATE matrices SET expires_at = now()")
	own("expired")
	exec("UPDATE matrices SET state = 'removed'")
	own("removed")
	exec("UPDATE matrices SET state = 'uploading'")
	own("not ready")
	exec("INSERT INTO workers (id) VALUES ('of the version before')")
	own("a process cannot read it")
	exec("UPDATE workers SET schema_version = 3")
	if m := mustUpload(t, s, data, 0); m.ContentID == nil {
		t.Error("it does not share")
	}
	small := matrix.Shape{
		Rows:  2,
		Cols:  2,
		DType: matrix.Float64,
	}
	for range 2 {
		u := s.For(identity.DefaultTenant).NewUpload(t.Context(), small, false, store.FromUpload)
		if _, err := u.Write(content(small)); err != nil {
			t.Fatal(err)
		}
		if m, err := finish(t, s, u); err != nil || m.ContentID != nil || len(m.Content) != 32 {
			t.Errorf("finish() of a small content = %+v, %v, want it in its row", m, err)
		}
	}
}

// TestVersionBefore: the statements of a binary that does not know shared contents do not destroy any.
func TestVersionBefore(t *testing.T) {
	t.Parallel()
	s := open(t)
	data := variant(0)
	owner, other := mustUpload(t, s, data, 0), mustUpload(t, s, data, 0)
	refused := func(sql string, args ...any) {
		t.Helper()
		_, err := s.Pool.Exec(t.Context(), sql, args...)
		var violation *pgconn.PgError
		if !errors.As(err, &violation) || violation.Code != "23503" {
			t.Errorf("%s: %v", sql, err)
		}
	}
	const deleteOne, deleteExpired = "DELETE FROM matrices WHERE id = $1", "DELETE FROM matrices WHERE expires_at < now()"
	refused(deleteOne, owner.ID)
	if _, err := s.Pool.Exec(t.Context(), "UPDATE matrices SET expires_at = now() - interval '1 hour' WHERE id = $1", owner.ID); err != nil {
		t.Fatal(err)
	}
	refused(deleteExpired)
	if err := remove(t, s, owner.ID); err != nil {
		t.Fatal(err)
	}
	refused(deleteOne, owner.ID)
	var orphans int
	err := s.Pool.QueryRow(t.Context(), "SELECT count(*) FROM unnest($1::uuid[]) AS given(id) WHERE NOT EXISTS (SELECT 1 FROM matrices m WHERE m.id = given.id)",
		owners(t, s)).Scan(&orphans)
	if err != nil || orphans != 0 {
		t.Errorf("its sweep would delete the blocks of %d matrices, %v, want 0", orphans, err)
	}
	if err := readsAs(t, s, other, data); err != nil {
		t.Error(err)
	}
}

// TestAbortBesideOthers: an upload that is given up deletes nothing that others share.
func TestAbortBesideOthers(t *testing.T) {
	t.Parallel()
	s := open(t)
	data := variant(0)
	m := mustUpload(t, s, data, 0)
	u, err := uploadForm(t.Context(), t, s, data, 0)
	if err == nil {
		_, err = u.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	errRefused := errors.New("refused")
	err = s.InTx(t.Context(), func(tx *store.Tx) error {
		if m, err := u.FinishTx(t.Context(), tx); err != nil || m.ContentID == nil {
			t.Errorf("FinishTx() = %+v, %v, want a matrix that shares its content", m, err)
		}
		return errRefused
	})
	if !errors.Is(err, errRefused) {
		t.Fatal(err)
	}
	if err := u.Abort(); err != nil {
		t.Fatal(err)
	}
	if ids := owners(t, s); len(ids) != 1 || ids[0] != m.ID {
		t.Errorf("got the blocks of %v, want those of %s", ids, m.ID)
	}
	if err := readsAs(t, s, m, data); err != nil {
		t.Error(err)
	}
}

// TestSharingAtOnce: of uploads of one content that end at the same time one keeps its blocks.
func TestSharingAtOnce(t *testing.T) {
	t.Parallel()
	s := open(t)
	var group sync.WaitGroup
	for form := range 8 {
		group.Go(func() {
			u, err := uploadForm(t.Context(), t, s, variant(0), form)
			if err == nil {
				_, err = finish(t, s, u)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if ids := owners(t, s); len(ids) != 1 {
		t.Errorf("got the same blocks %d times, want once", len(ids))
	}
}

func mustUploadShape(t *testing.T, s *store.Store, shape matrix.Shape) store.Matrix {
	t.Helper()
	u := s.For(identity.DefaultTenant).NewUpload(t.Context(), shape, false, store.FromUpload)
	if _, err := u.Write(content(shape)); err != nil {
		t.Fatal(err)
	}
	m, err := finish(t, s, u)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

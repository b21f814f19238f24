package parts

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/uuid"

	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/blocks"
)

// TestEarly: what was taken early is stored, and what could not be stored then is stored by Write: nothing of a tile is
// missing, whenever the block store fails.
func TestEarly(t *testing.T) {
	t.Parallel()
	for failing := range 4 { // the stage from which on the block store fails
		dir := t.TempDir()
		s, err := blocks.NewFile(dir)
		if err != nil {
			t.Fatal(err)
		}
		m := multiplication([2]int64{350, 130}, 1, matrix.Float64)
		m.C.BlockRows = 200
		m.C.BlockCols = 100
		tile := m.C.Shape().Rect()
		content := random[float64](1, tile.Elements())
		whole := &store.Store{Blocks: s}
		early := NewEarly(t.Context(), whole, m)
		own := filepath.Join(dir, m.C.ID.String())
		for i := range 3 {
			rows := tile
			rows.Row = int64(i) * 200
			rows.Rows = min(200, 700-rows.Row)
			if i == 2 {
				rows.Rows = 300
			}
			if i == failing { // a file where the directory of the matrix should be
				early.Wait()
				if i > 0 {
					if err := os.Rename(own, own+"-moved"); err != nil {
						t.Fatal(err)
					}
				}
				if err := os.WriteFile(own, nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			early.Take(rows, matrix.AsBytes(content[rows.Row*tile.Cols:(rows.Row+rows.Rows)*tile.Cols]))
		}
		early.Wait()
		if failing < 3 {
			if err := early.Write(t.Context(), tile, matrix.AsBytes(content)); err == nil {
				t.Errorf("failing from stage %d on: Write() = nil, although it can store nothing", failing)
			}
			if err := os.Remove(own); err != nil {
				t.Fatal(err)
			}
			if failing > 0 {
				if err := os.Rename(own+"-moved", own); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := early.Write(t.Context(), tile, matrix.AsBytes(content)); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(readTile(t, whole, m), content) {
			t.Errorf("failing from stage %d on: other elements are stored than were taken", failing)
		}
	}
}

// readTile returns the result of a multiplication of one tile.
func readTile(t *testing.T, s *store.Store, m store.MultiplicationWithMatrices) []float64 {
	t.Helper()
	tile := m.C.Shape().Rect()
	got := make([]float64, tile.Elements())
	if err := s.Source(m.C).ReadRect(t.Context(), tile, matrix.AsBytes(got)); err != nil {
		t.Fatal(err)
	}
	return got
}

// crashed is a block store that loses its blocks when Sync is called for the at-th time.
type crashed struct {
	blocks.Store
	at, calls int
}

func (c *crashed) Sync(ctx context.Context, matrix uuid.UUID, indexes []int64) error {
	if c.calls++; c.calls != c.at {
		return c.Store.Sync(ctx, matrix, indexes)
	}
	return errors.Join(blocks.ErrUnavailable, c.Delete(ctx, matrix))
}

// TestEarlyAfterCrash: rows that were stored, and taken back by a crash, are stored again: by Write if they were stored
// early, else by the next one.
func TestEarlyAfterCrash(t *testing.T) {
	t.Parallel()
	m := multiplication([2]int64{350, 130}, 1, matrix.Float64)
	m.C.BlockRows = 200
	m.C.BlockCols = 100
	tile := m.C.Shape().Rect()
	content := random[float64](1, tile.Elements())
	for at, want := range map[int]error{1: nil, 2: blocks.ErrUnavailable} {
		files, err := blocks.NewFile(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		whole := &store.Store{Blocks: &crashed{Store: files, at: at}}
		early := NewEarly(t.Context(), whole, m)
		rows := tile
		rows.Rows = 200
		early.Take(rows, matrix.AsBytes(content[:rows.Elements()]))
		if err := early.Write(t.Context(), tile, matrix.AsBytes(content)); !errors.Is(err, want) {
			t.Errorf("a crash at Sync %d: Write() = %v, want %v", at, err, want)
		}
		if want != nil {
			if err := early.Write(t.Context(), tile, matrix.AsBytes(content)); err != nil {
				t.Fatal(err)
			}
		}
		if !slices.Equal(readTile(t, whole, m), content) {
			t.Errorf("a crash at Sync %d: other elements are stored than were written", at)
		}
	}
}

package blocks_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/millrace/millrace/internal/s3server"
	"github.com/millrace/millrace/store/blocks"
)

// TestBlocks is the one conformance suite of all block stores.
func TestBlocks(t *testing.T) {
	t.Parallel()
	s3server.Start(t) // one for all
	for _, backend := range []struct {
		name string
		open func(t *testing.T) (blocks.Store, disk)
	}{
		{"postgres", openPostgres},
		{"file", openFile},
		{"s3", openS3},
	} {
		t.Run(backend.name, func(t *testing.T) {
			t.Parallel()
			for name, test := range map[string]func(*testing.T, blocks.Store){
				"round trip": testRoundTrip, "missing": testMissing, "first writer wins": testFirstWriter,
				"concurrent writers": testConcurrentWriters, "delete": testDelete, "delete range": testDeleteRange, "owners": testOwners, "cancelled": testCancelled,
			} {
				t.Run(name, func(t *testing.T) {
					s, _ := backend.open(t)
					test(t, s)
				})
			}
			t.Run("damage", func(t *testing.T) {
				s, d := backend.open(t)
				testDamage(t, s, d)
			})
			t.Run("without checksums", func(t *testing.T) {
				s, d := backend.open(t)
				testWithoutChecksums(t, s, d)
			})
		})
	}
}

func testRoundTrip(t *testing.T, s blocks.Store) {
	ctx := t.Context()
	id := uuid.New()
	random := rand.New(rand.NewPCG(1, 2))
	for index, size := range []int{1, 8, 4096, 2 << 20} {
		data := make([]byte, size)
		for i := range data {
			data[i] = byte(random.Uint32())
		}
		if err := s.Put(ctx, id, int64(index), data); err != nil {
			t.Fatal(err)
		}
		for range 5 {
			from := random.IntN(size)
			got := make([]byte, random.IntN(size-from)+1)
			if err := s.Read(ctx, blocks.Block{
				Matrix: id,
				Index:  int64(index),
				Size:   int64(size),
			}, int64(from), got); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, data[from:from+len(got)]) {
				t.Errorf("size %d: bytes %d to %d differ", size, from, from+len(got))
			}
		}
	}
	if err := s.Sync(ctx, id, []int64{0, 1, 2, 3}); err != nil {
		t.Errorf("Sync() = %v", err)
	}
}

func testMissing(t *testing.T, s blocks.Store) {
	ctx := t.Context()
	id := uuid.New()
	if err := s.Read(ctx, block(id, 0, 1), 0, make([]byte, 1)); !errors.Is(err, blocks.ErrMissing) {
		t.Errorf("Read() without a matrix = %v, want ErrMissing", err)
	}
	if err := s.Put(ctx, id, 0, []byte("0123")); err != nil {
		t.Fatal(err)
	}
	if err := s.Read(ctx, block(id, 1, 4), 0, make([]byte, 1)); !errors.Is(err, blocks.ErrMissing) {
		t.Errorf("Read() of another index = %v, want ErrMissing", err)
	}
	for name, read := range map[string][2]int64{
		"longer than the block": {0, 5}, "beyond its end": {4, 1}, "across its end": {2, 3}, "before it": {-1, 1},
	} {
		if err := s.Read(ctx, block(id, 0, 4), read[0], make([]byte, read[1])); err == nil {
			t.Errorf("Read() %s succeeds", name)
		}
	}
}

// block names a block in short.
func block(id uuid.UUID, index, size int64) blocks.Block {
	return blocks.Block{
		Matrix: id,
		Index:  index,
		Size:   size,
	}
}

func testFirstWriter(t *testing.T, s blocks.Store) {
	ctx := t.Context()
	id := uuid.New()
	for _, text := range []string{"first", "other"} {
		if err := s.Put(ctx, id, 7, []byte(text)); err != nil {
			t.Fatalf("writing %s: %v", text, err)
		}
	}
	got := make([]byte, 5)
	if err := s.Read(ctx, block(id, 7, 5), 0, got); err != nil || string(got) != "first" {
		t.Errorf("Read() = %q, %v, want the first block that was written", got, err)
	}
}

func testConcurrentWriters(t *testing.T, s blocks.Store) {
	ctx := t.Context()
	id := uuid.New()
	var group sync.WaitGroup
	for writer := range 8 {
		group.Go(func() {
			if err := s.Put(ctx, id, 0, bytes.Repeat([]byte{byte(writer)}, 1<<16)); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	got := make([]byte, 1<<16)
	if err := s.Read(ctx, block(id, 0, 1<<16), 0, got); err != nil {
		t.Fatal(err)
	}
	if n := len(slices.Compact(got)); n != 1 {
		t.Errorf("the block is a mix of %d writers", n)
	}
}

func testDelete(t *testing.T, s blocks.Store) {
	ctx := t.Context()
	id := uuid.New()
	other := uuid.New()
	for _, matrix := range []uuid.UUID{id, other} {
		for index := range int64(150) {
			if err := s.Put(ctx, matrix, index, []byte("x")); err != nil {
				t.Fatal(err)
			}
		}
	}
	for range 2 { // the second time there is nothing left
		if err := s.Delete(ctx, id); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Read(ctx, block(id, 1, 1), 0, make([]byte, 1)); !errors.Is(err, blocks.ErrMissing) {
		t.Errorf("Read() of a deleted block = %v, want ErrMissing", err)
	}
	if err := s.Read(ctx, block(other, 1, 1), 0, make([]byte, 1)); err != nil {
		t.Errorf("the other matrix: %v", err)
	}
}

func testDeleteRange(t *testing.T, s blocks.Store) {
	ctx := t.Context()
	id := uuid.New()
	if err := s.DeleteRange(ctx, id, 0, 10); err != nil {
		t.Fatalf("DeleteRange() of a matrix without blocks = %v", err)
	}
	const all = 300
	for index := range int64(all) {
		if err := s.Put(ctx, id, index, []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	for _, r := range [][2]int64{{20, 10}, {10, 10}, {100, 249}, {90, 200}, {290, math.MaxInt64}} {
		if err := s.DeleteRange(ctx, id, r[0], r[1]); err != nil {
			t.Fatal(err)
		}
	}
	for index := range int64(all) {
		gone := index == 10 || index >= 90 && index <= 249 || index >= 290
		err := s.Read(ctx, block(id, index, 1), 0, make([]byte, 1))
		if errors.Is(err, blocks.ErrMissing) != gone || err != nil && !gone {
			t.Errorf("Read() of block %d = %v, want it to be gone: %v", index, err, gone)
		}
	}
}

func testOwners(t *testing.T, s blocks.Store) {
	ctx := t.Context()
	var want []uuid.UUID
	for range 5 {
		id := uuid.Must(uuid.NewV7())
		want = append(want, id)
		for index := range int64(2) {
			if err := s.Put(ctx, id, index, []byte("x")); err != nil {
				t.Fatal(err)
			}
		}
	}
	slices.SortFunc(want, func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
	got, err := blocks.AllOwners(ctx, s)
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(got, func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for _, id := range []uuid.UUID{want[0], uuid.New()} { // the second one has no blocks
		if err := s.Discard(ctx, id); err != nil {
			t.Fatal(err)
		}
		if n, err := s.Count(ctx, id); err != nil || n != 0 {
			t.Errorf("after Discard() Count() = %d, %v", n, err)
		}
	}
	if n, err := s.Count(ctx, want[1]); err != nil || n != 2 {
		t.Errorf("Count() = %d, %v, want 2", n, err)
	}
	if err := s.EmptyTrash(ctx); err != nil {
		t.Error(err)
	}
	if left, err := blocks.AllOwners(ctx, s); err != nil || len(left) != 4 {
		t.Errorf("after Discard() %d matrices have blocks, %v, want 4", len(left), err)
	}
	wrong := errors.New("stop")
	if err := s.Owners(ctx, func([]uuid.UUID) error { return wrong }); !errors.Is(err, wrong) {
		t.Errorf("Owners() = %v, want the error of the function", err)
	}
}

func testCancelled(t *testing.T, s blocks.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Put(ctx, uuid.New(), 0, []byte("x")); !errors.Is(err, context.Canceled) {
		t.Errorf("Put() = %v, want Canceled", err)
	}
	if err := s.Read(ctx, block(uuid.New(), 0, 1), 0, make([]byte, 1)); !errors.Is(err, context.Canceled) {
		t.Errorf("Read() = %v, want Canceled", err)
	}
}

func TestFileBlocksLeavesNoTemporaryFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := blocks.NewFile(dir)
	if err != nil {
		t.Fatal(err)
	}
	id := uuid.New()
	for range 2 {
		if err := s.Put(t.Context(), id, 0, []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	var files []string
	err = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			files = append(files, strings.TrimPrefix(path, dir))
		}
		return err
	})
	if err != nil || len(files) != 1 {
		t.Errorf("the directory has %v, %v, want one block", files, err)
	}
}

func TestOpenBlocks(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"", "file", "file://relative/dir", "s3://", "s3://bucket?what=1", "postgres://x"} {
		if _, err := blocks.Open(address, nil); err == nil {
			t.Errorf("%q is accepted", address)
		}
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := blocks.Open("file://"+file, nil); err == nil {
		t.Error("a file is accepted as the directory")
	}
}

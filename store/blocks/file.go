package blocks

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/google/uuid"
)

// File keeps blocks as files, <directory>/<matrix>/<index>: the data, then a trailer with their checksums. The directory may be shared between machines when its
// file system has atomic links or renames, as NFS does.
type File struct {
	dir string
}

// NewFile returns the block store in dir, which it makes if it does not exist.
func NewFile(dir string) (*File, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("making the block store's directory: %w", err)
	}
	return &File{dir: dir}, nil
}

func (f *File) path(matrix uuid.UUID, index int64) string {
	return filepath.Join(f.dir, matrix.String(), strconv.FormatInt(index, 10))
}

// Put implements Store: the block gets its name only when it is whole and on the disk.
func (f *File) Put(ctx context.Context, matrix uuid.UUID, index int64, data []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	path := f.path(matrix, index)
	if _, err := os.Lstat(path); err == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return fmt.Errorf("writing block %d of matrix %s: %w", index, matrix, err)
	}
	if err := writeOnce(path, data); err != nil {
		return fmt.Errorf("writing block %d of matrix %s: %w", index, matrix, err)
	}
	return nil
}

// writeOnce makes path with data in it, durably, unless it is there already.
func writeOnce(path string, data []byte) (err error) {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".tmp-*")
	if err != nil {
		return err
	}
	defer func() {
		_ = tmp.Close()
		if e := os.Remove(tmp.Name()); e != nil && err == nil && !errors.Is(e, fs.ErrNotExist) {
			err = e
		}
	}()
	if _, err := tmp.Write(data); err != nil {
		return err
	}
	if _, err := tmp.Write(trailer(data)); err != nil {
		return err
	}
	if err := tmp.Sync(); err != nil {
		return err
	}
	switch err := os.Link(tmp.Name(), path); {
	case errors.Is(err, fs.ErrExist):
		return nil
	case err != nil: // a file system without hard links: the content of two writers differs in rounding at most
		if err := os.Rename(tmp.Name(), path); err != nil {
			return err
		}
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes the names in dir durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	return d.Sync()
}

// Delete implements Store.
func (f *File) Delete(_ context.Context, matrix uuid.UUID) error {
	if err := os.RemoveAll(filepath.Join(f.dir, matrix.String())); err != nil {
		return fmt.Errorf("deleting the blocks of matrix %s: %w", matrix, err)
	}
	return nil
}

// Owners implements Store.
func (f *File) Owners(ctx context.Context, after uuid.UUID, limit int) ([]uuid.UUID, error) {
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		return nil, fmt.Errorf("listing the matrices that have blocks: %w", err)
	}
	var owners []uuid.UUID
	for _, entry := range entries {
		if id, err := uuid.Parse(entry.Name()); err == nil && id.String() > after.String() {
			owners = append(owners, id)
		}
	}
	slices.SortFunc(owners, func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
	return owners[:min(limit, len(owners))], ctx.Err()
}

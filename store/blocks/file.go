package blocks

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"

	"github.com/google/uuid"
)

// File keeps blocks as files, <directory>/<matrix>/<index>: the data, then a trailer with their checksums. The
// directory may be shared between machines when its file system has atomic links or renames, as NFS does.
type File struct {
	dir    string
	mutex  sync.Mutex
	synced map[uuid.UUID]struct{} // matrices whose directories have durable names
}

// NewFile returns the block store in dir, which it makes if it does not exist.
func NewFile(dir string) (*File, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("making the block store's directory: %w", err)
	}
	return &File{dir: dir, synced: map[uuid.UUID]struct{}{}}, nil
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
	err := f.makeDir(matrix)
	if err == nil {
		err = writeOnce(path, data)
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		err = fmt.Errorf("%w: %w", ErrFull, err)
	}
	if err != nil {
		return fmt.Errorf("writing block %d of matrix %s: %w", index, matrix, err)
	}
	return nil
}

// Sync implements Store: Put waits for the disk.
func (*File) Sync(context.Context, uuid.UUID, []int64) error { return nil }

// maxDirs bounds how many directories a File remembers.
const maxDirs = 4096

// makeDir makes the directory of a matrix and its name durable. Another process may have made it and not synced it yet.
func (f *File) makeDir(matrix uuid.UUID) error {
	dir := filepath.Join(f.dir, matrix.String())
	switch err := os.Mkdir(dir, 0o750); {
	case errors.Is(err, fs.ErrExist):
		f.mutex.Lock()
		_, known := f.synced[matrix]
		f.mutex.Unlock()
		if known {
			return nil
		}
	case errors.Is(err, fs.ErrNotExist): // the store's own directory is gone
		if err := os.MkdirAll(dir, 0o750); err != nil {
			return err
		}
	case err != nil:
		return err
	}
	if err := syncDir(f.dir); err != nil {
		return err
	}
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if len(f.synced) >= maxDirs {
		clear(f.synced)
	}
	f.synced[matrix] = struct{}{}
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

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
	"golang.org/x/sync/errgroup"

	"github.com/millrace/millrace/internal/writeback"
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

// Put implements Store: the block gets its name when it is whole, and begins to go to the disk. A block that has its
// name already may not have come there, if the machine has crashed since.
func (f *File) Put(ctx context.Context, matrix uuid.UUID, index int64, data []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	path := f.path(matrix, index)
	err := f.look(ctx, Block{
		Matrix: matrix,
		Index:  index,
		Size:   int64(len(data)),
	})
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrDamaged):
		err = write(path, data, true)
	case errors.Is(err, ErrMissing):
		if err = f.makeDir(matrix); err == nil {
			err = write(path, data, false)
		}
	}
	if err != nil {
		return fmt.Errorf("writing block %d of matrix %s: %w", index, matrix, orFull(err))
	}
	return nil
}

// orFull adds ErrFull to the error of a file system that is full.
func orFull(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return err
}

// look reads all of a block, if it is there.
func (f *File) look(ctx context.Context, b Block) error {
	if _, err := os.Lstat(f.path(b.Matrix, b.Index)); err != nil {
		return ErrMissing // writing it tells what is wrong, if anything is
	}
	return f.Read(ctx, b, 0, make([]byte, b.Size))
}

// syncs is how many files are synced at a time: those that come while the file system writes its journal share the next
// write.
const syncs = 4

// Sync implements Store.
func (f *File) Sync(ctx context.Context, matrix uuid.UUID, indexes []int64) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(syncs)
	for _, index := range indexes {
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return context.Cause(ctx)
			}
			return syncFile(f.path(matrix, index))
		})
	}
	err := group.Wait()
	if err == nil {
		err = syncFile(filepath.Join(f.dir, matrix.String())) // the names
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if err != nil {
		return fmt.Errorf("syncing blocks of matrix %s: %w", matrix, orFull(err)) // NFS tells it late
	}
	return nil
}

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
	if err := syncFile(f.dir); err != nil {
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

// write makes path with data in it. If it is there already, it stays; over is set to replace it, durably, since others
// may have the name of what they take for their own block.
func write(path string, data []byte, over bool) (err error) {
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
	if err := fill(tmp, data, over); err != nil {
		return err
	}
	if !over {
		err := os.Link(tmp.Name(), path)
		if err == nil || errors.Is(err, fs.ErrExist) {
			return nil
		}
		// A file system without hard links: the content of two writers differs in rounding at most.
		return os.Rename(tmp.Name(), path)
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return err
	}
	return syncFile(filepath.Dir(path))
}

// fill writes a block and its checksums to a file, and closes it, so that other machines see all of it.
func fill(file *os.File, data []byte, durably bool) error {
	if _, err := file.Write(data); err != nil {
		return err
	}
	if _, err := file.Write(trailer(data)); err != nil {
		return err
	}
	if !durably {
		writeback.Begin(file, 0, int64(len(data)))
	} else if err := file.Sync(); err != nil {
		return err
	}
	return file.Close()
}

// syncFile makes a file durable, or the names in a directory.
func syncFile(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	return file.Sync()
}

package blocks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/google/uuid"
)

// Delete implements Store.
func (f *File) Delete(_ context.Context, matrix uuid.UUID) error {
	if err := os.RemoveAll(filepath.Join(f.dir, matrix.String())); err != nil {
		return fmt.Errorf("deleting the blocks of matrix %s: %w", matrix, err)
	}
	return nil
}

// DeleteRange implements Store. It reads the directory: ranges are long and few of their blocks are there.
func (f *File) DeleteRange(ctx context.Context, matrix uuid.UUID, first, last int64) error {
	dir := filepath.Join(f.dir, matrix.String())
	var found []string
	err := eachName(dir, func(names []string) error {
		for _, name := range names {
			if index, err := strconv.ParseInt(name, 10, 64); err == nil && index >= first && index <= last {
				found = append(found, name)
			}
		}
		return ctx.Err()
	})
	for _, name := range found {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = os.Remove(filepath.Join(dir, name))
		}
		if errors.Is(err, fs.ErrNotExist) { // another process has deleted it
			err = nil
		}
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("deleting blocks of matrix %s: %w", matrix, err)
	}
	return nil
}

const (
	// trashName is the directory of what was discarded, <matrix>.<time in seconds>.
	trashName = "trash"
	// trashAge is how long the trash keeps it.
	trashAge = 24 * time.Hour
)

// Discard implements Store.
func (f *File) Discard(_ context.Context, matrix uuid.UUID) error {
	trash := filepath.Join(f.dir, trashName)
	err := os.MkdirAll(trash, 0o750)
	if err == nil {
		to := fmt.Sprintf("%s.%d", matrix, time.Now().Unix())
		err = os.Rename(filepath.Join(f.dir, matrix.String()), filepath.Join(trash, to))
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("moving the blocks of matrix %s to the trash: %w", matrix, err)
	}
	return nil
}

// EmptyTrash implements Store.
func (f *File) EmptyTrash(ctx context.Context) error {
	entries, err := os.ReadDir(filepath.Join(f.dir, trashName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	errs := []error{err}
	before := time.Now().Add(-trashAge)
	for _, entry := range entries {
		_, seconds, _ := strings.Cut(entry.Name(), ".")
		at, err := strconv.ParseInt(seconds, 10, 64)
		if err != nil || time.Unix(at, 0).After(before) {
			continue
		}
		errs = append(errs, ctx.Err(), os.RemoveAll(filepath.Join(f.dir, trashName, entry.Name())))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("emptying the trash of the block store: %w", err)
	}
	return nil
}

// Count implements Store.
func (f *File) Count(_ context.Context, matrix uuid.UUID) (n int64, err error) {
	err = eachName(filepath.Join(f.dir, matrix.String()), func(names []string) error {
		for _, name := range names {
			if _, err := strconv.ParseInt(name, 10, 64); err == nil { // not a temporary file
				n++
			}
		}
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, fmt.Errorf("counting the blocks of matrix %s: %w", matrix, err)
	}
	return n, nil
}

// Owners implements Store. It reads the directory once, without holding all names.
func (f *File) Owners(ctx context.Context, each func([]uuid.UUID) error) error {
	err := eachName(f.dir, func(names []string) error {
		owners := make([]uuid.UUID, 0, len(names))
		for _, name := range names {
			if id, err := uuid.Parse(name); err == nil && id.String() == name {
				owners = append(owners, id)
			}
		}
		if len(owners) > 0 {
			if err := each(owners); err != nil {
				return err
			}
		}
		return ctx.Err()
	})
	if err != nil {
		return fmt.Errorf("listing the matrices that have blocks: %w", err)
	}
	return nil
}

// eachName calls f with the names in a directory, some at a time.
func eachName(path string, f func([]string) error) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = dir.Close() }()
	for {
		names, err := dir.Readdirnames(ownersPage)
		if len(names) > 0 {
			if err := f(names); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}

// Space implements Store.
func (f *File) Space() Space {
	var stat syscall.Statfs_t
	if err := syscall.Statfs(f.dir, &stat); err != nil {
		return Space{}
	}
	size := int64(stat.Bsize) //nolint:unconvert // of another type on other systems
	return Space{
		Free:  int64(stat.Bavail) * size, //nolint:gosec // of a real disk
		Total: int64(stat.Blocks) * size, //nolint:gosec // of a real disk
	}
}

// identityName is the file with the identity of the installation to which the directory belongs.
const identityName = "installation"

// Identity returns the identity of the installation to which the directory belongs, uuid.Nil if it bears none.
func (f *File) Identity() (uuid.UUID, error) {
	text, err := os.ReadFile(filepath.Join(f.dir, identityName))
	if errors.Is(err, fs.ErrNotExist) {
		return uuid.Nil, nil
	}
	var id uuid.UUID
	if err == nil {
		id, err = uuid.Parse(strings.TrimSpace(string(text)))
	}
	if err != nil {
		return uuid.Nil, fmt.Errorf("reading the identity of the block store: %w", err)
	}
	return id, nil
}

// SetIdentity makes the directory belong to an installation, durably.
func (f *File) SetIdentity(id uuid.UUID) error {
	err := f.writeIdentity(id)
	if err != nil {
		return fmt.Errorf("writing the identity of the block store: %w", err)
	}
	return nil
}

func (f *File) writeIdentity(id uuid.UUID) error {
	tmp, err := os.CreateTemp(f.dir, ".installation-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(tmp.Name()) }()
	_, err = fmt.Fprintln(tmp, id)
	err = errors.Join(err, tmp.Sync(), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), filepath.Join(f.dir, identityName))
	}
	if err != nil {
		return err
	}
	return syncFile(f.dir)
}

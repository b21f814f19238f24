package devdb

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/xi2/xz"
)

// unpack extracts a .jar, whose one .txz has the programs, into dir.
func unpack(archive []byte, dir string) error {
	jar, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		return err
	}
	txz, err := fs.Glob(jar, "*.txz")
	if err != nil {
		return err
	}
	if len(txz) != 1 {
		return fmt.Errorf("the archive holds %d files *.txz, want 1", len(txz))
	}
	compressed, err := jar.Open(txz[0])
	if err != nil {
		return err
	}
	defer func() { _ = compressed.Close() }()
	content, err := xz.NewReader(compressed, 0)
	if err != nil {
		return err
	}
	if err := extract(tar.NewReader(content), dir); err != nil {
		return err
	}
	return openToAll(dir)
}

func extract(archive *tar.Reader, dir string) error {
	root, err := os.OpenRoot(dir) // no entry can leave it
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		name := path.Clean(header.Name)
		if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
			return err
		}
		switch header.Typeflag {
		case tar.TypeDir:
			err = root.MkdirAll(name, 0o755)
		case tar.TypeSymlink:
			err = root.Symlink(header.Linkname, name)
		case tar.TypeReg:
			err = writeEntry(root, name, header.FileInfo().Mode().Perm(), archive)
		}
		if err != nil {
			return err
		}
	}
}

func writeEntry(root *os.Root, name string, mode fs.FileMode, content io.Reader) error {
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, content)
	return errors.Join(err, f.Close())
}

// openToAll makes everything below dir readable, and programs executable, for all users, whatever the umask is.
func openToAll(dir string) error {
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.Type()&fs.ModeSymlink != 0 {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		mode := info.Mode().Perm() | 0o444
		if entry.IsDir() || mode&0o100 != 0 {
			mode |= 0o111
		}
		return os.Chmod(path, mode)
	})
}

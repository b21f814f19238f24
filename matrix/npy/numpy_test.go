package npy

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/millrace/millrace/matrix"
)

// numpyPython returns a Python that has NumPy. Without one the test is skipped, but fails in CI.
func numpyPython(t *testing.T) string {
	t.Helper()
	for _, python := range []string{"python3", "/usr/bin/python3", "python"} {
		if exec.Command(python, "-c", "import numpy").Run() == nil {
			return python
		}
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("no Python with NumPy, want one in CI")
	}
	t.Skip("no Python with NumPy")
	return ""
}

// TestWithNumPy reads files that NumPy wrote, in its types, byte orders, element orders and versions.
func TestWithNumPy(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	out, err := exec.Command(numpyPython(t), "testdata/cases.py", folder).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	t.Run("read", func(t *testing.T) {
		t.Parallel()
		files, err := filepath.Glob(filepath.Join(folder, "*.raw"))
		if err != nil || len(files) < 800 {
			t.Fatalf("%d files, %v, want at least 800", len(files), err)
		}
		for _, raw := range files {
			checkNumPyFile(t, strings.TrimSuffix(raw, ".raw"))
		}
	})
	t.Run("types", func(t *testing.T) {
		t.Parallel()
		checkNumPyTypes(t, folder)
	})
	t.Run("headers", func(t *testing.T) {
		t.Parallel()
		checkNumPyHeaders(t, folder)
	})
}

// checkNumPyFile reads one file through the Striper and compares the matrix with NumPy's elements.
func checkNumPyFile(t *testing.T, name string) {
	t.Helper()
	want, err := os.ReadFile(name + ".raw")
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(name + ".npy")
	if err != nil {
		t.Fatal(err)
	}
	r, err := NewReader(bytes.NewReader(file), 0)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	h := r.Header()
	if h.FileBytes() != int64(len(file)) {
		t.Errorf("%s: FileBytes() = %d, want %d", name, h.FileBytes(), len(file))
	}
	grid := matrix.Grid{
		Rows:      h.Shape.Rows,
		Cols:      h.Shape.Cols,
		BlockRows: 16,
		BlockCols: 16,
	}
	size := int64(h.Shape.DType.Size())
	got := make([]byte, h.Shape.Bytes())
	s := matrix.NewStriper(grid, h.Shape.DType, h.Fortran, func(i int64, block []byte) error {
		rect := grid.Block(i)
		for row := range rect.Rows {
			line := block[row*rect.Cols*size : (row+1)*rect.Cols*size]
			copy(got[((rect.Row+row)*h.Shape.Cols+rect.Col)*size:], line)
		}
		return nil
	})
	if _, err := io.Copy(s, r); err != nil {
		t.Errorf("%s: %v", name, err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("%s: %v", name, err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s: the elements are %x, want %x", name, got, want)
	}
}

// checkNumPyTypes compares what names of types mean with what they mean to np.dtype.
func checkNumPyTypes(t *testing.T, folder string) {
	t.Helper()
	list, err := os.Open(filepath.Join(folder, "dtypes.txt"))
	if err != nil {
		t.Fatal(err)
	}
	defer list.Close()
	read := 0
	for lines := bufio.NewScanner(list); lines.Scan(); {
		var descr, name, kind string
		var size int
		var big string
		if _, err := fmt.Sscan(lines.Text(), &descr, &name, &kind, &size, &big); err != nil {
			t.Fatal(err)
		}
		e, err := parseDescr(descr)
		wanted := strings.Contains("iub", kind) || kind == "f" && (size == 4 || size == 8)
		switch {
		case err == nil && kind == "-":
			// A name of another version of NumPy.
		case err == nil && (!wanted || e.String() != name || e.size != size || e.bigEndian != (big == "True")):
			t.Errorf("%s is %s, big-endian %t, NumPy says %s", descr, e, e.bigEndian, lines.Text())
		case err != nil && wanted:
			t.Errorf("%s: %v, NumPy says %s", descr, err, lines.Text())
		case err != nil && strings.Contains("fc", kind) && !strings.Contains(err.Error(), name):
			t.Errorf("%s: %v, want it to say %s", descr, err, name)
		case err == nil:
			read++
		}
	}
	if read < 150 {
		t.Errorf("%d names are read, want at least 150", read)
	}
}

// checkNumPyHeaders compares our headers with NumPy's, byte for byte.
func checkNumPyHeaders(t *testing.T, folder string) {
	t.Helper()
	list, err := os.Open(filepath.Join(folder, "headers.txt"))
	if err != nil {
		t.Fatal(err)
	}
	defer list.Close()
	count := 0
	for lines := bufio.NewScanner(list); lines.Scan(); count++ {
		var n int
		var s matrix.Shape
		if _, err := fmt.Sscan(lines.Text(), &n, &s.Rows, &s.Cols, &s.DType); err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(filepath.Join(folder, fmt.Sprintf("header-%d.npy", n)))
		if err != nil {
			t.Fatal(err)
		}
		if got := AppendHeader(nil, s); !bytes.Equal(got, want) {
			t.Errorf("AppendHeader(%s) = %q, want NumPy's %q", s, got, want)
		}
	}
	if count < 40 {
		t.Errorf("%d headers, want at least 40", count)
	}
}

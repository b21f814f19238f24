package cli_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/millrace/millrace/matrix"
)

// testBrokenDownload: a download that breaks twice is resumed.
func (b *clientBundle) testBrokenDownload(t *testing.T) {
	p := startProxy(t, b.server(), nil, 1<<20, 1<<20)
	out := filepath.Join(t.TempDir(), "C.npy")
	_, stderr := b.ok(t, "multiply", "random:700x40:1", "random:40x600:2", "-o", out, "--server="+p.url())
	whole := filepath.Join(t.TempDir(), "C.npy")
	b.ok(t, "multiply", "random:700x40:1", "random:40x600:2", "-o", whole)
	got, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if want, err := os.ReadFile(whole); err != nil || !bytes.Equal(got, want) {
		t.Errorf("the resumed file has %d bytes, %v, want the %d of a download that did not break", len(got), err, len(want))
	}
	if p.breaks() != 2 || !p.sent("Range: bytes=") || !p.sent("If-Range: ") || !strings.Contains(stderr, "trying again") {
		t.Errorf("%d breaks, %q, want 2, requests for ranges and trying again", p.breaks(), stderr)
	}
	noParts(t, out)
}

// testPartialFile: result resumes from a .part file; one that is longer than the result is an error.
func (b *clientBundle) testPartialFile(t *testing.T) {
	a := writeMatrix(t, 200, 200, matrix.Float64, false)
	out := filepath.Join(t.TempDir(), "C.npy")
	stdout, _ := b.ok(t, "multiply", a, a, "-o", out, "--json")
	id := decodeJSON[summary](t, stdout).ID
	whole, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	for name, part := range map[string][]byte{"nothing": nil, "a part": whole[:100_000], "all of it": whole} {
		p := startProxy(t, b.server(), nil)
		out := filepath.Join(t.TempDir(), "C.npy")
		if err := os.WriteFile(out+"."+id+".part", part, 0o600); err != nil {
			t.Fatal(err)
		}
		b.ok(t, "result", id, "-o", out, "--server="+p.url())
		if got, err := os.ReadFile(out); err != nil || !bytes.Equal(got, whole) {
			t.Errorf("%s: the file has %d bytes, %v, want the %d of the whole", name, len(got), err, len(whole))
		}
		ranged := fmt.Sprintf("Range: bytes=%d-", len(part))
		if got, want := p.sent(ranged), len(part) > 0; got != want {
			t.Errorf("%s: sent %q = %t, want %t", name, ranged, got, want)
		}
		noParts(t, out)
	}
	long := filepath.Join(t.TempDir(), "C.npy")
	if err := os.WriteFile(long+"."+id+".part", append(whole, 1), 0o600); err != nil {
		t.Fatal(err)
	}
	wantFailure(t, b.env, 1, "longer", "result", id, "-o", long)
}

// testDamagedDownload: the digest detects damage. A damaged .part file is discarded and the download starts over;
// damage on the way is an error.
func (b *clientBundle) testDamagedDownload(t *testing.T) {
	a := writeMatrix(t, 200, 200, matrix.Float64, false)
	out := filepath.Join(t.TempDir(), "C.npy")
	stdout, _ := b.ok(t, "multiply", a, a, "-o", out, "--json")
	id := decodeJSON[summary](t, stdout).ID
	whole, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	part := bytes.Clone(whole[:100_000])
	part[50_000]++
	again := filepath.Join(t.TempDir(), "C.npy")
	if err := os.WriteFile(again+"."+id+".part", part, 0o600); err != nil {
		t.Fatal(err)
	}
	b.ok(t, "result", id, "-o", again)
	if got, err := os.ReadFile(again); err != nil || !bytes.Equal(got, whole) {
		t.Errorf("the file has %d bytes, %v, want the %d of the whole", len(got), err, len(whole))
	}
	p := startProxy(t, b.server(), nil)
	p.damageAt(200_000)
	damaged := filepath.Join(t.TempDir(), "C.npy")
	wantFailure(t, b.env, 1, "digest", "result", id, "-o", damaged, "--server="+p.url())
	if _, err := os.Stat(damaged); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Stat(output) = %v, want none", err)
	}
}

// testBrokenSubmission: a submission whose response is lost is sent again, and makes one multiplication.
func (b *clientBundle) testBrokenSubmission(t *testing.T) {
	p := startProxy(t, b.server(), nil, 1)
	out := filepath.Join(t.TempDir(), "C.npy")
	b.ok(t, "multiply", "random:17x19", "random:19x23", "-o", out, "--server="+p.url())
	stdout, _ := b.ok(t, "list", "--limit=1000")
	if n := strings.Count(stdout, "17×19×23"); n != 1 || p.breaks() != 1 {
		t.Errorf("%d multiplications after %d breaks, want 1 after 1\n%s", n, p.breaks(), stdout)
	}
}

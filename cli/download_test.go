package cli_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/millrace/millrace/matrix"
)

// A download that breaks twice goes on where it broke.
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
		t.Errorf("the files differ, %v", err)
	}
	if p.breaks() != 2 || !p.sent("Range: bytes=") || !p.sent("If-Range: ") || !strings.Contains(stderr, "trying again") {
		t.Errorf("%d breaks\n%s", p.breaks(), stderr)
	}
	noParts(t, out)
}

// What an earlier command has left is not fetched again; what it has left too much of is an error.
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
			t.Errorf("%s: the files differ, %v", name, err)
		}
		if ranged := fmt.Sprintf("Range: bytes=%d-", len(part)); p.sent(ranged) != (len(part) > 0) {
			t.Errorf("%s: %s", name, p.requests.String())
		}
		noParts(t, out)
	}
	long := filepath.Join(t.TempDir(), "C.npy")
	if err := os.WriteFile(long+"."+id+".part", append(whole, 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, stderr, code := run(t, b.env, "result", id, "-o", long); code != 1 || !strings.Contains(stderr, "longer") {
		t.Errorf("code %d, %s", code, stderr)
	}
}

// What is damaged, on the disk or on the way, is found out by the digest. Of a part from an earlier command nothing is kept
// then.
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
		t.Errorf("the files differ, %v", err)
	}
	p := startProxy(t, b.server(), nil)
	p.damageAt(200_000)
	damaged := filepath.Join(t.TempDir(), "C.npy")
	if _, stderr, code := run(t, b.env, "result", id, "-o", damaged, "--server="+p.url()); code != 1 || !strings.Contains(stderr, "digest") {
		t.Errorf("code %d, %s", code, stderr)
	}
	if _, err := os.Stat(damaged); err == nil {
		t.Error("it has its name all the same")
	}
}

// A submission whose answer gets lost is sent again, and done once.
func (b *clientBundle) testBrokenSubmission(t *testing.T) {
	p := startProxy(t, b.server(), nil, 1)
	out := filepath.Join(t.TempDir(), "C.npy")
	b.ok(t, "multiply", "random:17x19", "random:19x23", "-o", out, "--server="+p.url())
	stdout, _ := b.ok(t, "list", "--limit=1000")
	if n := strings.Count(stdout, "17×19×23"); n != 1 || p.breaks() != 1 {
		t.Errorf("%d products after %d breaks\n%s", n, p.breaks(), stdout)
	}
}

package cli_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/millrace/millrace/client"
)

// items parses NDJSON.
func items(t *testing.T, text string) (all []client.BatchItem) {
	t.Helper()
	for line := range strings.Lines(text) {
		all = append(all, decodeJSON[client.BatchItem](t, line))
	}
	return all
}

// testBatch: a file of more orders than a batch may have, one of which is refused.
func (b *clientBundle) testBatch(t *testing.T) {
	const n, bad = client.MaxOrders + 500, client.MaxOrders + 100
	var text bytes.Buffer
	for i := range n {
		if i == bad {
			fmt.Fprint(&text, "nonsense\n\n")
			continue
		}
		fmt.Fprintf(&text, "{\"a\":{\"values\":[[%d]]},\"b\":{\"values\":[[2]]}}\n", i)
	}
	file := filepath.Join(t.TempDir(), "orders.ndjson")
	if err := os.WriteFile(file, text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	stdout, stderr, code := run(t, b.env, "multiply", "--batch", file)
	if code != 1 {
		t.Errorf("code %d, want 1", code)
	}
	wantTexts(t, stderr, fmt.Sprintf("1 of %d orders have failed", n))
	got := items(t, stdout)
	if len(got) != n {
		t.Fatalf("%d items, want %d", len(got), n)
	}
	for i, item := range got {
		if i == bad {
			if item.Status != 400 || item.Problem == nil || item.ID != nil {
				t.Errorf("item %d is %+v, want a problem", i, item)
			}
			continue
		}
		if values, _ := json.Marshal(item.Result.Values); string(values) != fmt.Sprintf("[[%d]]", 2*i) {
			t.Fatalf("item %d is %+v with %s", i, item, values)
		}
	}
	good := filepath.Join(t.TempDir(), "good.ndjson")
	if err := os.WriteFile(good, []byte(`{"a":{"values":[[3]]},"b":{"values":[[2]]},"priority":4}`), 0o600); err != nil {
		t.Fatal(err)
	}
	stdout, _ = b.ok(t, "multiply", "--no-wait", "--batch="+good)
	if got := items(t, stdout); len(got) != 1 || got[0].Status != 202 {
		t.Errorf("got %q, want one item that is accepted", stdout)
	}
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, []byte("\n\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if stdout, _ := b.ok(t, "multiply", "--batch="+empty); stdout != "" {
		t.Errorf("an empty file: got %q, want nothing", stdout)
	}
	wantFailure(t, b.env, 2, "no such file", "multiply", "--batch="+empty+"x")
	wantFailure(t, b.env, 2, "--batch takes the matrices", "multiply", "a.npy", "b.npy", "--batch="+empty)
	wantFailure(t, b.env, 2, "--batch takes the matrices", "multiply", "-o", "C.npy", "--batch="+empty)
	wantFailure(t, b.env, 2, "name two matrices", "multiply", "a.npy", "-o", "C.npy")
	wantFailure(t, b.env, 2, "missing flags: --output", "multiply", "a.npy", "b.npy")
	wantFailure(t, b.env, 2, "--no-wait", "multiply", "a.npy", "b.npy", "-o", "C.npy", "--no-wait")
}

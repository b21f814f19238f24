package cli_test

import (
	"strings"
	"testing"

	"github.com/millrace/millrace/internal/testdb"
)

// TestTenantsCommand: tenants are made, changed and listed; what is not said stays.
func TestTenantsCommand(t *testing.T) {
	t.Parallel()
	env := []string{"DATABASE_URL=" + testdb.URL(testdb.New(t))}
	set := func(want string, args ...string) {
		t.Helper()
		out, stderr, code := run(t, env, append([]string{"tenants", "set"}, args...)...)
		if code != 0 || out != want {
			t.Fatalf("tenants set %v: exit code %d, %q, %s, want %q", args, code, out, stderr, want)
		}
	}
	set("Tenant acme was made.\n", "acme", "--weight=2.5", "--stored-bytes=1000", "--requests=0.5")
	set("Tenant acme was changed.\n", "acme", "--queued-seconds=none", "--requests=default")
	set("Tenant default was changed.\n", "default", "--stored-bytes=none")
	out, stderr, code := run(t, env, "tenants", "list")
	var got []string
	for line := range strings.Lines(out) {
		got = append(got, strings.Join(strings.Fields(line), " "))
	}
	const want = "NAME WEIGHT STORED BYTES QUEUED SECONDS REQUESTS/S\nacme 2.5 1000 none default\ndefault 1 none default default"
	if strings.Join(got, "\n") != want || code != 0 {
		t.Errorf("tenants list: exit code %d, %s\n%s\nwant\n%s", code, stderr, strings.Join(got, "\n"), want)
	}
	for _, args := range [][]string{
		{"No"},
		{"acme", "--weight=1001"},
		{"acme", "--stored-bytes=0"},
		{"acme", "--stored-bytes=1e3"},
		{"acme", "--queued-seconds=NaN"},
		{"acme", "--requests=-1"},
	} {
		if _, stderr, code := run(t, env, append([]string{"tenants", "set"}, args...)...); code != 2 || stderr == "" {
			t.Errorf("tenants set %v: exit code %d, %q, want 2 and a reason", args, code, stderr)
		}
	}
}

package cli_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// TestTypeScript: a program in TypeScript, with types that openapi-typescript makes from the description of the API,
// compiles in strict mode and multiplies matrices.
func TestTypeScript(t *testing.T) {
	t.Parallel()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is not installed")
	}
	modules, err := filepath.Abs("../.cache/typescript/node_modules")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(modules); err != nil {
		t.Skip("scripts/setup.sh test installs the compiler")
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("../client/typescript")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(modules, filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	description, err := filepath.Abs("../openapi/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	execute := func(args ...string) string {
		cmd := exec.CommandContext(t.Context(), node, args...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("node %v: %v, want success\n%s", args, err, out)
		}
		return string(out)
	}
	types := execute("generate.mjs", description)
	if err := os.WriteFile(filepath.Join(dir, "api.d.ts"), []byte(types), 0o600); err != nil {
		t.Fatal(err)
	}
	execute("node_modules/typescript/bin/tsc", "--project", ".")
	d := deploy(t)
	main := d.startAPI()
	worker := d.startWorker()
	const want = "[[19,22],[43,50]]\n2\n[[19,22],[43,50]]\n"
	if got := execute("submit.js", d.server); got != want {
		t.Errorf("submit.js printed %q, want %q", got, want)
	}
	worker.exit(syscall.SIGTERM)
	main.exit(syscall.SIGTERM)
}

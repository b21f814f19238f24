package cli_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/millrace/millrace/internal/reexec"
)

// TestCompletion: the words of a line, and the shells that are there, with the scripts that they get.
func TestCompletion(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"mul":                         "multiply\n",
		"context ":                    "add\nlist\nremove\nuse\n",
		"list --sta":                  "--state\n",
		"list --state can":            "cancelled\n",
		"list --state = can":          "cancelled\n",
		"list --state=c":              "--state=cancelled\n--state=completed\n",
		"completion ":                 "bash\nfish\npowershell\nzsh\n",
		"multiply random:2x2 --prior": "--priority\n",
		"complete-w":                  "",
	} {
		args := append([]string{"complete-words", "--"}, strings.Split(line, " ")...)
		if stdout, stderr, code := run(t, nil, args...); code != 0 || stdout != want {
			t.Errorf("%q: code %d, %q, %q, want %q", line, code, stdout, stderr, want)
		}
	}
	for shell, check := range map[string][]string{
		"bash": {"-c", `source "$0"; COMP_WORDS=(millrace list --sta); COMP_CWORD=2; _millrace; printf '%s\n' "${COMPREPLY[@]}"`},
		"fish": {"-c", `source $argv[1]; complete -C "millrace list --sta"`},
		"zsh":  {"-c", `compdef() { }; source "$0"; compadd() { shift; print -l -- "$@" }; words=(millrace list --sta); CURRENT=3; _millrace`},
	} {
		t.Run(shell, func(t *testing.T) {
			t.Parallel()
			program, err := exec.LookPath(shell)
			if err != nil {
				t.Skipf("%s is not installed", shell)
			}
			testShell(t, program, shell, check)
		})
	}
	for _, shell := range []string{"powershell", "zsh", "fish"} {
		if stdout, _, code := run(t, nil, "completion", shell); code != 0 || !strings.Contains(stdout, "complete-words") {
			t.Errorf("completion %s: code %d, %q, want a script", shell, code, stdout)
		}
	}
	wantFailure(t, nil, 2, "bash", "completion", "cmd.exe")
}

// testShell lets a shell complete "millrace list --sta".
func testShell(t *testing.T, program, shell string, check []string) {
	t.Helper()
	script, _, _ := run(t, nil, "completion", shell)
	dir := t.TempDir()
	path := filepath.Join(dir, "script")
	if err := os.WriteFile(path, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(exe, filepath.Join(dir, "millrace")); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, append(check, path)...)
	cmd.Env = append(reexec.Command(t, nil).Env, "PATH="+dir+":"+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != "--state" {
		t.Errorf("%s completes to %q, %v, want --state", shell, out, err)
	}
}

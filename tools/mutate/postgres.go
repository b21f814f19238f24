package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// servers is the package whose tests run a Postgres for others.
const servers = "internal/testdb"

// startPostgres starts a Postgres that all tests share, so that they do not wait for one of their own. It ends with its
// input, and without Postgres the tests do as they do without.
func (l *lab) startPostgres(ctx context.Context) (stop func(), err error) {
	binary := filepath.Join(l.dir, "postgres.test")
	if err := l.build(ctx, servers, binary); err != nil {
		return nil, err
	}
	//nolint:noctx // it ends with its input, after the tests that an interrupt ends
	cmd := exec.Command(binary, "-test.run=^TestServe$", "-test.timeout=0", "-serve") //#nosec G204 -- just built
	cmd.Dir = filepath.Join(l.root, servers)
	input, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	output, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	for lines := bufio.NewScanner(output); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "postgres://") {
			l.env = append(l.env, "MILLRACE_TEST_POSTGRES="+lines.Text())
			break
		}
	}
	return func() {
		_ = input.Close()
		_ = cmd.Wait()
	}, nil
}

// moduleOf returns the path of the module in a folder.
func moduleOf(root string) (string, error) {
	text, err := os.ReadFile(filepath.Join(root, "go.mod")) //#nosec G304 -- of the repository
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(text)) {
		if module, found := strings.CutPrefix(line, "module "); found {
			return strings.TrimSpace(module), nil
		}
	}
	return "", fmt.Errorf("go.mod of %s names no module", root)
}

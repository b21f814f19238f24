package remote

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/millrace/millrace/cli/usage"
	"github.com/millrace/millrace/client"
)

const (
	// tokenVariable has the token in the environment. There is no flag for it: other users can read the arguments of a
	// process, and shells keep them.
	tokenVariable = "MILLRACE_TOKEN" //nolint:gosec // the name of a variable
	// tokenAge is how long a token is used before its file is read again: some are replaced while they are in use.
	tokenAge = 10 * time.Second
	// maxToken is how large the file of a token may be, in bytes.
	maxToken = 32 << 10
)

// token returns where the token of each request comes from. A file that cannot be read is an error at once.
func (f *ServerFlags) token() (client.TokenSource, error) {
	if f.TokenFile == "" {
		token := strings.TrimSpace(os.Getenv(tokenVariable))
		return func(context.Context) (string, error) { return token, nil }, nil
	}
	file := &tokenFile{path: f.TokenFile}
	if _, err := file.token(context.Background()); err != nil { //house:ignore bound it only reads a file
		return nil, usage.Errorf("--token-file: %w", err)
	}
	return file.token, nil
}

// tokenFile is a file with a token.
type tokenFile struct {
	path string

	mu   sync.Mutex
	text string
	read time.Time // when it was read
}

func (f *tokenFile) token(context.Context) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.read.IsZero() && time.Since(f.read) < tokenAge {
		return f.text, nil
	}
	file, err := os.Open(f.path)
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }()
	text, err := io.ReadAll(io.LimitReader(file, maxToken+1))
	if err != nil {
		return "", err
	}
	token := strings.TrimSpace(string(text))
	if token == "" || len(text) > maxToken || strings.ContainsAny(token, " \t\r\n") {
		return "", fmt.Errorf("%s must have a token and nothing else", f.path)
	}
	f.text = token
	f.read = time.Now()
	return token, nil
}

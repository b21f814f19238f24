package cli_test

import (
	"crypto/tls"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/millrace/millrace/cli/contexts"
	"github.com/millrace/millrace/internal/testtls"
)

const (
	testToken  = "mr_0123456789_5up3rS3cretPart0fTheToken1234567890123456789abcdef"
	otherToken = "mr_9876543210_an0therS3cretPart0fTheToken12345678901234567abcdef"
)

// bearerServer is a server that notes the tokens that it gets, and responds to all requests alike.
type bearerServer struct {
	*httptest.Server
	mu   sync.Mutex
	seen []string
}

func startBearer(t *testing.T, status int, body string) *bearerServer {
	t.Helper()
	b := &bearerServer{}
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.mu.Lock()
		b.seen = append(b.seen, strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
		b.mu.Unlock()
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(b.Close)
	return b
}

// wantSeen checks the tokens of the requests since the last call.
func (b *bearerServer) wantSeen(t *testing.T, what string, want ...string) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if got := strings.Join(b.seen, " "); got != strings.Join(want, " ") || len(b.seen) != len(want) {
		t.Errorf("%s: the server got %q, want %q", what, b.seen, want)
	}
	b.seen = nil
}

func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestContexts: a context is a server with its token, which no other server gets.
func TestContexts(t *testing.T) {
	t.Parallel()
	config := t.TempDir()
	env := []string{"XDG_CONFIG_HOME=" + config}
	first := startBearer(t, http.StatusOK, `{"items": []}`)
	second := startBearer(t, http.StatusOK, `{"items": []}`)
	file := writeFile(t, "token", testToken+"\n")
	ok := func(env []string, args ...string) string {
		t.Helper()
		stdout, stderr, code := run(t, env, args...)
		if code != 0 {
			t.Fatalf("millrace %v: code %d, %s", args, code, stderr)
		}
		return stdout
	}
	ok(env, "context", "add", "first", "--server="+first.URL, "--token-file="+file)
	ok(env, "context", "add", "second", "--server="+second.URL)
	path := filepath.Join(config, "millrace", "contexts.json")
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("Stat(%s) = %v, %v, want mode 0600", path, info, err)
	}
	if text, err := os.ReadFile(path); err != nil || strings.Contains(string(text), testToken) {
		t.Errorf("the contexts are %s, %v, want no token in them", text, err)
	}

	ok(env, "list")
	first.wantSeen(t, "the context in use", testToken)
	ok(env, "list", "--context=second")
	second.wantSeen(t, "a context without a token", "")
	ok(env, "list", "--server="+second.URL)
	second.wantSeen(t, "a server, beside a context", "")
	ok(append(env, "MILLRACE_TOKEN="+otherToken), "list", "--server="+second.URL)
	second.wantSeen(t, "a server with a token in the environment", otherToken)
	ok(append(env, "MILLRACE_TOKEN="+otherToken), "list", "--context=first")
	first.wantSeen(t, "a context, and a token in the environment", otherToken)
	ok(append(env, "MILLRACE_TOKEN="+otherToken), "list", "--server="+first.URL, "--token-file="+file)
	first.wantSeen(t, "a file, and a token in the environment", testToken)

	ok(env, "context", "use", "second")
	ok(env, "list")
	second.wantSeen(t, "another context in use", "")
	ok(env, "context", "remove", "second")
	var kept contexts.File
	if err := json.Unmarshal([]byte(ok(env, "context", "list", "--json")), &kept); err != nil {
		t.Fatal(err)
	}
	if want := (contexts.Context{Server: first.URL, TokenFile: file}); len(kept.Contexts) != 1 ||
		kept.Contexts["first"] != want || kept.Current != "" {
		t.Errorf("context list = %+v, want first and none in use", kept)
	}
	wantTexts(t, ok(env, "context", "list"), "first", first.URL, file)

	wantFailure(t, env, 2, `no context "second"`, "list", "--context=second")
	wantFailure(t, env, 2, `no context "second"`, "context", "use", "second")
	wantFailure(t, env, 2, `no context "second"`, "context", "remove", "second")
	wantFailure(t, env, 2, "give one", "list", "--context=first", "--server="+first.URL)
	wantFailure(t, env, 2, "--server must be an address", "context", "add", "x", "--server=x")
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	wantFailure(t, env, 2, path, "list")
}

// TestTokens: a refused token has exit codes of its own, is not sent again, and stands in no message.
func TestTokens(t *testing.T) {
	t.Parallel()
	env := []string{"MILLRACE_TOKEN=" + testToken}
	problem := `{"title": "No", "detail": "no access with Bearer ` + testToken + `"}`
	for status, code := range map[int]int{http.StatusUnauthorized: 5, http.StatusForbidden: 6} {
		server := startBearer(t, status, problem)
		for _, args := range [][]string{
			{"list"},
			{"multiply", "random:2x2", "random:2x2", "-o", filepath.Join(t.TempDir(), "C.npy")},
			{"show", "x"},
			{"result", "x", "-o", filepath.Join(t.TempDir(), "C.npy")},
		} {
			stdout, stderr, got := run(t, env, append(args, "--server="+server.URL)...)
			if got != code || !strings.Contains(stderr, "no access with Bearer mr_0123456789_…") {
				t.Errorf("%d, millrace %v: code %d, %q, want code %d and a message", status, args, got, stderr, code)
			}
			if strings.Contains(stdout+stderr, testToken[14:]) {
				t.Errorf("%d, millrace %v prints the token", status, args)
			}
			server.wantSeen(t, strings.Join(args, " "), testToken)
		}
	}
	missing := filepath.Join(t.TempDir(), "missing")
	wantFailure(t, nil, 2, "--token-file", "list", "--token-file="+missing)
	wantFailure(t, nil, 2, "--token-file", "list", "--token-file="+writeFile(t, "token", "two words"))
	wantFailure(t, nil, 2, "--ca-file", "list", "--ca-file="+missing)
	wantFailure(t, nil, 2, "--ca-file", "list", "--ca-file="+writeFile(t, "ca.pem", "no certificate"))
	wantFailure(t, env, 2, "without encryption", "list", "--server=http://millrace.invalid")
	wantFailure(t, env, 3, "cannot be reached", "list", "--server=http://millrace.invalid", "--plain-token")
}

// TestTLS: an API serves by TLS, to clients that know its authority, and takes a new certificate without a restart.
func TestTLS(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	authority := testtls.New(t)
	dir := t.TempDir()
	first := time.Now().Add(time.Hour).Truncate(time.Second)
	certFile, keyFile := authority.Issue(dir, first)
	wantFailure(t, d.env, 2, "--tls-key", "api", "--addr=127.0.0.1:0", "--ops-addr=127.0.0.1:0", "--tls-cert="+certFile)
	api := start(t, d.env, "api", "--addr=127.0.0.1:0", "--ops-addr=127.0.0.1:0",
		"--tls-cert="+certFile, "--tls-key="+keyFile)
	api.untilLogs("msg=serving")
	d.startWorker()
	server := apiAddress.FindStringSubmatch(api.stderr.String())[1]
	env := []string{"MILLRACE_SERVER=" + server, "MILLRACE_CA_FILE=" + authority.CAFile}

	expires := func() time.Time {
		t.Helper()
		conn, err := tls.Dial("tcp", strings.TrimPrefix(server, "https://"), authority.Config())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		return conn.ConnectionState().PeerCertificates[0].NotAfter
	}
	if got := expires(); !got.Equal(first) {
		t.Errorf("the certificate expires at %s, want %s", got, first)
	}
	wantFailure(t, env[:1], 3, "certificate", "list")
	output := filepath.Join(t.TempDir(), "C.npy")
	if _, stderr, code := run(t, env, "multiply", "random:300x300", "random:300x300", "-o", output); code != 0 {
		t.Errorf("multiply: code %d, %s", code, stderr)
	}
	second := first.Add(time.Hour)
	authority.Issue(dir, second)
	until(t, "the new certificate is used", func() bool { return expires().Equal(second) })
	if stdout, stderr, code := run(t, env, "load", "--count=20", "--concurrency=4", "--json"); code != 0 {
		t.Errorf("load: code %d, %s %s", code, stdout, stderr)
	}
	api.exit(os.Interrupt)
}

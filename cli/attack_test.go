package cli_test

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/reexec"
	"github.com/millrace/millrace/internal/testtls"
)

// attack is what many clients do at once.
type attack struct {
	clients int
	head    string // of each request; a verb %s is the id of something to ask for
	setup   string // the body of a POST that makes it, or none
	route   string // of that POST
	text    string // follows the head as often as repeat says
	repeat  int
	unread  bool // the clients do not read the response
	secure  bool // they come by TLS, whose buffers count, too
	half    bool // they send nothing more, and say so
}

const postJSON = "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"

// smallLine is an order of a batch.
const smallLine = `{"a": {"values": [[1, 2], [3, 4]]}, "b": {"values": [[1, 2], [3, 4]]}}` + "\n"

// attacks are those by which an API exceeded its memory.
func attacks() map[string]attack {
	ones := strings.Repeat("1,", 999) + "1"
	const form = "POST /v1/multiplications HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n" +
		"Content-Type: multipart/form-data; boundary=x\r\n\r\n"
	const random = `{"random": {"rows": %d, "cols": %d}}`
	return map[string]attack{
		"rows that do not end": {
			clients: 100,
			head:    fmt.Sprintf(postJSON, "/v1/matrices", 20_000_000, "[[1"),
			text:    strings.Repeat(",1", 1000),
			repeat:  1000,
		},
		"JSON contents that are not read": {
			clients: 100,
			setup:   fmt.Sprintf(random, 1000, 1000),
			route:   "/v1/matrices",
			head:    "GET /v1/matrices/%s/content HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n\r\n",
			unread:  true,
		},
		"files that are not read": {
			clients: 100,
			setup:   fmt.Sprintf(random, 10_000, 10_000),
			route:   "/v1/matrices",
			head:    "GET /v1/matrices/%s/content HTTP/1.1\r\nHost: localhost\r\n\r\n",
			unread:  true,
			secure:  true,
		},
		"bodies of 20 MB": {
			clients: 200,
			head:    fmt.Sprintf(postJSON, "/matrix_multiplication/", 20_000_000, `{"A": [[`+ones+"]"),
			text:    ",[" + ones + "]",
			repeat:  9985,
		},
		"half a million rows": {
			clients: 18,
			head:    fmt.Sprintf(postJSON, "/v1/multiplications", len(hugeTiles), hugeTiles),
		},
		"batches that are not read": {
			clients: 20,
			head: fmt.Sprintf("POST /v1/multiplications:batch HTTP/1.1\r\nHost: localhost\r\n"+
				"Content-Type: application/x-ndjson\r\nPrefer: wait=60\r\nContent-Length: %d\r\n\r\n", 5000*len(smallLine)),
			text:   smallLine,
			repeat: 5000,
			unread: true,
		},
		"event streams": {
			clients: 500,
			setup:   `{"a": {"random": {"rows": 9, "cols": 9}}, "b": {"random": {"rows": 9, "cols": 9}}}`,
			route:   "/v1/multiplications",
			head: "GET /v1/multiplications/%s/events HTTP/1.1\r\nHost: localhost\r\nX-Long: " + strings.Repeat("x", 30<<10) +
				"\r\n\r\n",
			unread: true,
			secure: true,
		},
		"bodies that end too early": {
			clients: 200,
			head:    fmt.Sprintf(postJSON, "/v1/matrices", 20_000_000, "[[1"),
			text:    strings.Repeat(",1", 1000),
			repeat:  100,
			secure:  true,
			half:    true,
		},
		"headers of parts": {
			clients: 60,
			secure:  true,
			head:    form + "--x\r\nX-Long: ",
			text:    strings.Repeat("x", 1000),
			repeat:  9000,
		},
		"many parts": {
			clients: 60,
			head:    form,
			text: "--x\r\nContent-Disposition: form-data; name=priority\r\nX: " + strings.Repeat("x", 9000) +
				"\r\n\r\n1\r\n",
			repeat: 60,
		},
	}
}

// TestMemoryUnderAttack: whatever clients do at once, an API keeps within the memory that Kubernetes gives it, and
// serves a small request meanwhile, or asks its client to come back. It runs alone, since it takes all CPUs.
func TestMemoryUnderAttack(t *testing.T) {
	const maxMiB = 691 // nine tenths of the limit of the container
	d := deploy(t)
	d.env = append(hugeLimits(d.env), "GOMEMLIMIT=691MiB")
	binary := plainBinary(t)
	authority := testtls.New(t)
	cert, key := authority.Issue(t.TempDir(), time.Now().Add(time.Hour))
	for name, a := range attacks() {
		t.Run(name, func(t *testing.T) {
			d := *d
			d.t = t
			var flags []string
			target := target{deployment: &d, client: &http.Client{Timeout: 10 * time.Second}}
			if a.secure {
				flags = []string{"--tls-cert=" + cert, "--tls-key=" + key}
				target.config = authority.Config()
				transport := &http.Transport{TLSClientConfig: target.config}
				defer transport.CloseIdleConnections()
				target.client.Transport = transport
			}
			api := d.startPlain(binary, flags...)
			took := target.underAttack(a)
			peak := api.residentMiB("VmHWM")
			t.Logf("at most %d MiB; the small request took %v", peak, took)
			if peak >= maxMiB {
				t.Errorf("the API takes up to %d MiB, want less than %d", peak, maxMiB)
			}
			api.signal(syscall.SIGKILL)
		})
	}
}

// plainBinary returns millrace as a program, or "" if the test binary will do: the race detector takes memory.
func plainBinary(t *testing.T) string {
	t.Helper()
	info, _ := debug.ReadBuildInfo()
	if !slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		return ""
	}
	path := filepath.Join(t.TempDir(), "millrace")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-race=false", "-o", path, "github.com/millrace/millrace")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return path
}

// startPlain starts an API that is the given program, or the test binary.
func (d *deployment) startPlain(binary string, flags ...string) *process {
	d.t.Helper()
	args := append([]string{"api", "--addr=127.0.0.1:0", "--ops-addr=127.0.0.1:0"}, flags...)
	cmd := reexec.Command(d.t, d.env, args...)
	if binary != "" {
		cmd = exec.Command(binary, args...)
		cmd.Env = append(os.Environ(), d.env...)
	}
	p := startCommand(d.t, cmd)
	p.untilLogs("msg=serving")
	d.server = apiAddress.FindStringSubmatch(p.stderr.String())[1]
	return p
}

package telemetry_test

import (
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	resource "go.opentelemetry.io/proto/otlp/resource/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/millrace/millrace/internal/reexec"
	"github.com/millrace/millrace/internal/testdb"
)

func TestMain(m *testing.M) {
	reexec.Main()
	testdb.Main(m)
}

// otlp is a collector that keeps what it receives.
type otlp struct {
	url string

	mu        sync.Mutex
	spans     []*trace.Span
	resources []*resource.Resource
	headers   []string // the values of api-key
}

func startCollector(t *testing.T) *otlp {
	t.Helper()
	c := &otlp{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var batch collector.ExportTraceServiceRequest
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = proto.Unmarshal(body, &batch)
		}
		if err != nil || r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != "application/x-protobuf" {
			t.Errorf("%s %s %v: %v, want a request to export traces", r.Method, r.URL, r.Header, err)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.headers = append(c.headers, r.Header.Get("Api-Key"))
		for _, from := range batch.GetResourceSpans() {
			c.resources = append(c.resources, from.GetResource())
			for _, scope := range from.GetScopeSpans() {
				c.spans = append(c.spans, scope.GetSpans()...)
			}
		}
	}))
	t.Cleanup(server.Close)
	c.url = server.URL
	return c
}

// all returns the spans of a name.
func (c *otlp) all(name string) (found []*trace.Span) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.spans {
		if s.GetName() == name {
			found = append(found, s)
		}
	}
	return found
}

// one returns the only span of a name in a trace.
func (c *otlp) one(t *testing.T, name, traceID string) *trace.Span {
	t.Helper()
	var found []*trace.Span
	for _, s := range c.all(name) {
		if hex.EncodeToString(s.GetTraceId()) == traceID {
			found = append(found, s)
		}
	}
	if len(found) != 1 {
		t.Fatalf("trace %s has %d spans %q, want 1", traceID, len(found), name)
	}
	return found[0]
}

// values returns attributes as text.
func values(attrs []*common.KeyValue) map[string]string {
	texts := map[string]string{}
	for _, a := range attrs {
		switch v := a.GetValue().GetValue().(type) {
		case *common.AnyValue_StringValue:
			texts[a.GetKey()] = v.StringValue
		case *common.AnyValue_IntValue:
			texts[a.GetKey()] = fmt.Sprint(v.IntValue)
		}
	}
	return texts
}

// wantValues checks that attributes have some values.
func wantValues(t *testing.T, of string, attrs []*common.KeyValue, want map[string]string) {
	t.Helper()
	got := values(attrs)
	for key, value := range want {
		if got[key] != value {
			t.Errorf("%s: attribute %s is %q, want %q", of, key, got[key], value)
		}
	}
}

// process is a running millrace.
type process struct {
	t   *testing.T
	cmd *exec.Cmd
	log *reexec.Log
}

func start(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	p := &process{
		t:   t,
		cmd: reexec.Command(t, env, args...),
		log: &reexec.Log{},
	}
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if p.cmd.ProcessState == nil {
			_ = p.cmd.Process.Kill()
			_ = p.cmd.Wait()
		}
		if t.Failed() {
			t.Logf("the log of %v:\n%s", args, p.log)
		}
	})
	return p
}

// logged waits for a line in the log and returns what its pattern captures.
func (p *process) logged(pattern string) string {
	p.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		if found := regexp.MustCompile(pattern).FindStringSubmatch(p.log.String()); found != nil {
			return found[1]
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("not within a minute: it logs %s", pattern)
		}
	}
}

// stop sends SIGTERM and waits for a clean end.
func (p *process) stop() {
	p.t.Helper()
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	if err := p.cmd.Wait(); err != nil {
		p.t.Errorf("%v ended with %v, want no error", p.cmd.Args, err)
	}
}

// send sends a request and returns the status and the body of its response.
func send(t *testing.T, method, url, body string, headers ...string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

package telemetry_test

import (
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/prototext"

	trace "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/millrace/millrace/internal/testdb"
	"github.com/millrace/millrace/server/telemetry"
)

const (
	// fourTiles is a multiplication of four tiles, whose result is in the block store.
	fourTiles = `{"a": {"random": {"rows": 5000, "cols": 30, "dtype": "float32"}},
		"b": {"random": {"rows": 30, "cols": 4000, "seed": 1, "dtype": "float32"}}}`
	small = `{"a": {"values": [[1, 2]]}, "b": {"values": [[3], [4]]}}`

	// tilesTrace and those after it are of the clients, with the span in which they send their requests.
	tilesTrace   = "0af7651916cd43dd8448eb211c80319c"
	smallTrace   = "1af7651916cd43dd8448eb211c80319c"
	unwanted     = "2af7651916cd43dd8448eb211c80319c"
	clientSpan   = "b7ad6b7169203331"
	secretHeader = "not-for-others"
	secretQuery  = "hunter2"
)

// TestTraces: an API and a worker send their traces to a collector, when they stop at the latest. A request continues
// the trace of its client, and each attempt at a job is a trace of its own, which leads to the submission. No secret is
// in any of them.
func TestTraces(t *testing.T) {
	t.Parallel()
	c := startCollector(t)
	pool := testdb.New(t)
	env := []string{
		"DATABASE_URL=" + testdb.URL(pool), "MILLRACE_BLOCKS=file://" + t.TempDir(),
		"OTEL_EXPORTER_OTLP_ENDPOINT=" + c.url, "OTEL_EXPORTER_OTLP_HEADERS=api-key=" + secretHeader,
		"OTEL_RESOURCE_ATTRIBUTES=deployment.environment.name=test",
	}
	api := start(t, env, "api", "--addr=127.0.0.1:0", "--ops-addr=127.0.0.1:0", "--webhook-allow=127.0.0.0/8")
	server := api.logged(`msg=serving api=(\S+)`)
	worker := start(t, env, "worker", "--ops-addr=127.0.0.1:0")
	submit := func(body, traceID, flags string) string {
		t.Helper()
		status, text := send(t, http.MethodPost, server+"/v1/multiplications", body, "Prefer", "wait=60",
			"Traceparent", "00-"+traceID+"-"+clientSpan+"-"+flags)
		var m struct{ ID, State string }
		if err := json.Unmarshal([]byte(text), &m); err != nil || status != http.StatusOK || m.State != "completed" {
			t.Fatalf("status %d, %v: %s, want a completed multiplication", status, err, text)
		}
		return m.ID
	}
	message := make(chan string, 1)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		message <- r.Header.Get("Traceparent")
	}))
	defer receiver.Close()
	send(t, http.MethodPost, server+"/v1/webhooks", `{"url": "`+receiver.URL+`", "only_named": true}`)
	named := strings.Replace(fourTiles, "{", `{"webhook": "`+receiver.URL+"?"+secretQuery+`", `, 1)
	large := submit(named, tilesTrace, "01")
	inline := submit(small, smallTrace, "01")
	submit(small, unwanted, "00")
	send(t, http.MethodGet, server+"/v1/overview?token="+secretQuery, "")
	sent := <-message
	worker.stop()
	api.stop()

	request := c.one(t, "POST /v1/multiplications", tilesTrace)
	wantSpan(t, request, trace.Span_SPAN_KIND_SERVER, clientSpan)
	wantValues(t, "the request", request.GetAttributes(), map[string]string{
		"http.request.method": "POST", "http.route": "/v1/multiplications", "http.response.status_code": "200",
	})
	submission := c.one(t, "submit", tilesTrace)
	wantSpan(t, submission, trace.Span_SPAN_KIND_INTERNAL, hex.EncodeToString(request.GetSpanId()))
	wantValues(t, "the submission", submission.GetAttributes(), map[string]string{
		"millrace.multiplication.id": large, "millrace.tenant": "1", "millrace.queue": "tiles", "millrace.tiles": "4",
		"millrace.m": "5000", "millrace.k": "30", "millrace.n": "4000",
	})
	c.wantTiles(t, large, submission)
	c.wantMessage(t, large, submission, sent)

	submission = c.one(t, "submit", smallTrace)
	wantValues(t, "the submission of a small one", submission.GetAttributes(), map[string]string{
		"millrace.multiplication.id": inline, "millrace.queue": "small", "millrace.multiplications": "1", "millrace.m": "1",
	})
	linked := 0
	for _, bundle := range c.all("multiply_inline") {
		if leadsTo(bundle, submission) {
			linked++
		}
	}
	if linked != 1 {
		t.Errorf("%d bundles lead to the small submission, want 1", linked)
	}
	c.wantResources(t)
}

// wantMessage checks the trace of the message about a multiplication, which the receiver was told.
func (c *otlp) wantMessage(t *testing.T, id string, submission *trace.Span, sent string) {
	t.Helper()
	deliveries := c.all("deliver_webhook")
	if len(deliveries) != 1 {
		t.Fatalf("%d spans of deliveries, want 1", len(deliveries))
	}
	d := deliveries[0]
	wantValues(t, "the delivery", d.GetAttributes(), map[string]string{
		"millrace.multiplication.id": id, "http.response.status_code": "200", "millrace.outcome": "completed",
	})
	want := "00-" + hex.EncodeToString(d.GetTraceId()) + "-" + hex.EncodeToString(d.GetSpanId()) + "-01"
	if sent != want || !leadsTo(d, submission) {
		t.Errorf("the receiver got %q, want %q; the links are %v, want one to the submission", sent, want, d.GetLinks())
	}
}

func wantSpan(t *testing.T, s *trace.Span, kind trace.Span_SpanKind, parent string) {
	t.Helper()
	if got := hex.EncodeToString(s.GetParentSpanId()); s.GetKind() != kind || got != parent {
		t.Errorf("%s is a %v below %q, want a %v below %q", s.GetName(), s.GetKind(), got, kind, parent)
	}
}

// leadsTo reports whether the only link of a span is that to another one.
func leadsTo(s, other *trace.Span) bool {
	links := s.GetLinks()
	return len(links) == 1 && string(links[0].GetSpanId()) == string(other.GetSpanId()) &&
		string(links[0].GetTraceId()) == string(other.GetTraceId())
}

// wantTiles checks the traces of the four tiles of a multiplication, and that they have the writes of blocks.
func (c *otlp) wantTiles(t *testing.T, id string, submission *trace.Span) {
	t.Helper()
	tiles, traces := map[string]bool{}, map[string]bool{}
	for _, tile := range c.all("multiply_tile") {
		wantSpan(t, tile, trace.Span_SPAN_KIND_CONSUMER, "")
		wantValues(t, "a tile", tile.GetAttributes(), map[string]string{
			"millrace.multiplication.id": id, "millrace.tenant": "1", "millrace.queue": "tiles", "millrace.attempt": "1",
			"millrace.outcome": "completed", "millrace.m": "5000",
		})
		if !leadsTo(tile, submission) {
			t.Errorf("the links of a tile are %v, want one to the submission", tile.GetLinks())
		}
		tiles[values(tile.GetAttributes())["millrace.tile"]] = true
		traces[string(tile.GetTraceId())] = true
	}
	written := map[string]bool{}
	for _, s := range c.all("block write") {
		if traces[string(s.GetTraceId())] && len(s.GetParentSpanId()) > 0 {
			written[string(s.GetTraceId())] = true
		}
	}
	if len(tiles) != 4 || len(traces) != 4 || len(written) != 4 {
		t.Errorf("%d tiles in %d traces, %d of which write blocks, want 4", len(tiles), len(traces), len(written))
	}
}

// wantResources checks what is told of the processes, that the collector's header was sent, that what a client does not
// want to be recorded is not, and that nothing secret is told.
func (c *otlp) wantResources(t *testing.T) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	roles := map[string]bool{}
	for _, r := range c.resources {
		wantValues(t, "a process", r.GetAttributes(), map[string]string{
			"service.name": "millrace", "deployment.environment.name": "test",
		})
		roles[values(r.GetAttributes())["millrace.role"]] = true
	}
	if !roles["api"] || !roles["worker"] {
		t.Errorf("the traces are of the roles %v, want an API and a worker", roles)
	}
	var text strings.Builder
	for _, s := range c.spans {
		text.WriteString(prototext.Format(s))
		if hex.EncodeToString(s.GetTraceId()) == unwanted {
			t.Errorf("span %s is recorded, want none in a trace that is not", s.GetName())
		}
	}
	for _, secret := range []string{secretHeader, secretQuery, "postgres://"} {
		if strings.Contains(text.String(), secret) {
			t.Errorf("%q is in the spans, want it in none", secret)
		}
	}
	for _, header := range c.headers {
		if header != secretHeader {
			t.Errorf("the header of the collector is %q, want %q", header, secretHeader)
		}
	}
}

// TestDeadCollector: a collector that takes connections and is silent loses traces, and delays nothing: neither
// requests nor, for long, the end of the process.
func TestDeadCollector(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	pool := testdb.New(t)
	api := start(t, []string{
		"DATABASE_URL=" + testdb.URL(pool),
		"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://" + silent.Addr().String() + "/v1/traces",
		"OTEL_BSP_MAX_QUEUE_SIZE=8", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE=4", "OTEL_BSP_SCHEDULE_DELAY=10",
	}, "api", "--addr=127.0.0.1:0", "--ops-addr=127.0.0.1:0")
	server := api.logged(`msg=serving api=(\S+)`)
	for range 50 {
		if status, text := send(t, http.MethodPost, server+"/v1/multiplications", small); status != http.StatusAccepted {
			t.Fatalf("status %d: %s, want 202", status, text)
		}
	}
	api.stop()
	api.logged(`(the last traces are lost)`)
}

// TestOpen: traces are off unless an endpoint is named, and a protocol that is not spoken is an error.
func TestOpen(t *testing.T) {
	for _, c := range []struct {
		name, value string
		off, fails  bool
	}{
		{name: "OTEL_SERVICE_NAME", value: "x"},
		{name: "OTEL_SDK_DISABLED", value: "true", off: true},
		{name: "OTEL_TRACES_EXPORTER", value: "none", off: true},
		{name: "OTEL_EXPORTER_OTLP_PROTOCOL", value: "http/protobuf"},
		{name: "OTEL_EXPORTER_OTLP_PROTOCOL", value: "grpc", fails: true},
		{name: "OTEL_EXPORTER_OTLP_ENDPOINT", value: "", off: true},
	} {
		t.Run(c.name+"="+c.value, func(t *testing.T) {
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
			t.Setenv(c.name, c.value)
			log := slog.New(slog.DiscardHandler)
			traces, err := telemetry.Open(t.Context(), telemetry.Process{}, log)
			if (err != nil) != c.fails || (traces == nil) != (c.off || c.fails) {
				t.Errorf("traces %v, error %v, want off: %t, an error: %t", traces, err, c.off, c.fails)
			}
			traces.Stop(log)
			if (traces.Tracer() == nil) != (traces == nil) {
				t.Errorf("tracer %v, want one where traces are sent only", traces.Tracer())
			}
		})
	}
}

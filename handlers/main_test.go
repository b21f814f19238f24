package handlers_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/millrace/millrace/handlers"
	"github.com/millrace/millrace/handlers/guard"
	"github.com/millrace/millrace/internal/testdb"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/matrix/blas"
	"github.com/millrace/millrace/matrix/tile"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/blocks"
	"github.com/millrace/millrace/store/keys"
	"github.com/millrace/millrace/store/objects"
	"github.com/millrace/millrace/watch"
)

func TestMain(m *testing.M) { testdb.Main(m) }

// testBundle is a whole service on a database of its own.
type testBundle struct {
	handler http.Handler
	server  *httptest.Server
	store   *store.Store
	jobs    *jobs.Client
	hub     *watch.Hub

	refusals *prometheus.Registry // with the metric of what is refused

	keys     *keys.Store
	verifier *keys.Verifier // nil without authentication
	token    string         // that requests have, unless they say it themselves; "" for none
}

// options are the differences from a service that works and keeps its blocks in Postgres.
type options struct {
	idle    bool         // the service computes nothing: what is submitted stays pending
	files   bool         // blocks are in a directory
	folder  string       // the directory
	log     *slog.Logger // of a service that may log errors
	riverUI bool
	auth    bool            // requests need a key; those of the test have one for all
	tracer  pgx.QueryTracer // of the statements of the service; may be nil
	limits  handlers.Limits
	accept  jobs.Limits
	site    handlers.Site
	objects *objects.Room
}

var testLimits = handlers.Limits{MaxMatrixBytes: 64 << 20, MaxJSONValues: 100_000}

func setup(t testing.TB) *testBundle { return setupWith(t, options{}) }

func setupWith(t testing.TB, o options) *testBundle {
	t.Helper()
	pool := testdb.New(t)
	if o.tracer != nil {
		pool = testdb.Traced(t, pool, o.tracer)
	}
	address := "postgres"
	if o.files && o.folder == "" {
		o.folder = t.TempDir()
	}
	if o.folder != "" {
		address = "file://" + o.folder
	}
	contents, err := blocks.Open(address, pool)
	if err != nil {
		t.Fatal(err)
	}
	if o.limits == (handlers.Limits{}) {
		o.limits = testLimits
	}
	if o.site.Version == "" {
		o.site.Version = "test"
	}
	b := &testBundle{store: store.Open(pool, contents, time.Hour)}
	b.store.Objects = o.objects
	log := o.log
	if log == nil {
		log = slog.New(slog.NewTextHandler(&logWriter{t}, &slog.HandlerOptions{Level: slog.LevelError}))
	}
	config := queue.Config{
		Work:     !o.idle,
		Lead:     !o.idle,
		Tiles:    2,
		Small:    4,
		SoftStop: time.Second,
	}
	if b.jobs, err = jobs.NewClient(b.store, tile.NewEngine(blas.Builtin()), config, log); err != nil {
		t.Fatal(err)
	}
	b.jobs.SetLimits(o.accept)
	if !o.idle {
		if err := b.jobs.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(b.jobs.Stop)
	if o.riverUI {
		ui, err := b.jobs.Queue().NewUI(handlers.RiverUIPrefix)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(ui.Stop)
		o.site.RiverUI = ui
	}
	b.hub = watch.NewHub(b.store, log)
	b.keys = keys.Open(pool)
	if o.auth {
		o.site.Auth = b.lock(t, o.site.Clients)
	}
	b.hub.Start(t.Context())
	b.refusals = prometheus.NewRegistry()
	o.site.Clients.Refusals = cmp.Or(o.site.Clients.Refusals, guard.NewRefusals(b.refusals, log))
	b.handler = handlers.New(b.store, b.jobs, b.hub, o.limits, o.site, log)
	b.server = httptest.NewUnstartedServer(b.handler)
	b.server.Listener = guard.Linger(b.server.Listener)
	b.server.Start()
	t.Cleanup(b.server.Close)
	t.Cleanup(b.hub.Stop) // before the server, whose Close waits for the waiters
	return b
}

// refused returns how often the service counted a refusal for a reason.
func (b *testBundle) refused(t *testing.T, reason guard.Reason) float64 {
	t.Helper()
	families, err := b.refusals.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if m.GetLabel()[0].GetValue() == string(reason) {
				return m.GetCounter().GetValue()
			}
		}
	}
	t.Fatalf("no metric counts refusals by %s", reason)
	return 0
}

// logWriter fails the test when the service logs an error: no request of a test may cause one.
type logWriter struct{ t testing.TB }

func (w *logWriter) Write(p []byte) (int, error) {
	w.t.Errorf("logged: %s", p)
	return len(p), nil
}

// received is a response that has been read.
type received struct {
	*http.Response
	body []byte
}

// do sends a request with pairs of header names and values, and reads the response, which must be as described. An
// error must be a problem.
func (b *testBundle) do(t testing.TB, method, path string, body io.Reader, headers ...string) received {
	t.Helper()
	a := b.send(t, method, path, body, headers...)
	if a.StatusCode >= 400 && method != http.MethodHead {
		a.checkProblem(t)
	}
	if err := describedAPI(t).check(t.Context(), a); err != nil {
		t.Errorf("%v\n%.600q", err, a.body)
	}
	return a
}

// send is do for what is not part of the API.
func (b *testBundle) send(t testing.TB, method, path string, body io.Reader, headers ...string) received {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, b.server.URL+path, body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Request-Id", "test") // so that equal responses have equal texts
	if b.token != "" {
		r.Header.Set("Authorization", "Bearer "+b.token)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	if r.Header.Get("Authorization") == "" {
		r.Header.Del("Authorization")
	}
	response, err := b.server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	a := received{Response: response}
	a.read(t)
	return a
}

// read reads the body.
func (a *received) read(t testing.TB) {
	t.Helper()
	defer func() { _ = a.Body.Close() }()
	var err error
	if a.body, err = io.ReadAll(a.Body); err != nil {
		t.Fatal(err)
	}
}

func (b *testBundle) get(t testing.TB, path string, headers ...string) received {
	t.Helper()
	return b.do(t, http.MethodGet, path, nil, headers...)
}

func (b *testBundle) post(t testing.TB, path, contentType string, body []byte) received {
	t.Helper()
	return b.do(t, http.MethodPost, path, bytes.NewReader(body), "Content-Type", contentType)
}

// want fails the test unless the response has the status.
func (a received) want(t testing.TB, status int) received {
	t.Helper()
	if a.StatusCode != status {
		t.Fatalf("%s %s: %s, want %d: %.300s", a.Request.Method, a.Request.URL.Path, a.Status, status, a.body)
	}
	return a
}

// checkProblem checks the form that all errors have.
func (a received) checkProblem(t testing.TB) {
	t.Helper()
	var p struct {
		Type, Code, Title, Detail string
		Status                    int
		RequestID                 string `json:"request_id"`
	}
	if err := json.Unmarshal(a.body, &p); err != nil {
		t.Fatalf("%s: %v: %.300s", a.Status, err, a.body)
	}
	if kind := a.Header.Get("Content-Type"); kind != "application/problem+json" {
		t.Errorf("%s is of type %q", a.Status, kind)
	}
	if p.Code == "" || p.Type == "" || p.RequestID != a.Header.Get("X-Request-Id") {
		t.Errorf("%s has the code %q, the type %q and the id %q, want that in X-Request-Id, %q",
			a.Status, p.Code, p.Type, p.RequestID, a.Header.Get("X-Request-Id"))
	}
	if p.Status != a.StatusCode || p.Title == "" || p.Detail == "" || len(p.Detail) > 600 {
		t.Errorf("%s has the body %.1000s", a.Status, a.body)
	}
}

// decode reads a body as T, which must know all of its members.
func decode[T any](t testing.TB, a received) T {
	t.Helper()
	var v T
	d := json.NewDecoder(bytes.NewReader(a.body))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v: %.300s", err, a.body)
	}
	return v
}

const (
	npyType  = "application/x-npy"
	jsonType = "application/json"
)

package handlers

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/google/uuid"

	"github.com/millrace/millrace/handlers/apidoc"
	"github.com/millrace/millrace/handlers/auth"
	"github.com/millrace/millrace/handlers/guard"
	"github.com/millrace/millrace/handlers/payload"
	"github.com/millrace/millrace/handlers/resource"
	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/internal/testdb"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/blocks"
	"github.com/millrace/millrace/watch"
)

// serveStreams serves streams of events with a heartbeat, behind stall limits that tests can wait for. It returns
// the server and the id of a multiplication that stays pending.
func serveStreams(t *testing.T, heartbeat time.Duration) (*httptest.Server, *API, uuid.UUID) {
	t.Helper()
	pool := testdb.New(t)
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	s := store.Open(pool, blocks.NewPostgres(pool), time.Hour)
	client, err := jobs.NewClient(s, nil, queue.Config{}, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Stop)
	hub := watch.NewHub(s, log)
	hub.Start(t.Context())
	routes := auth.NewRoutes()
	a := &API{
		store:     s,
		jobs:      client,
		hub:       hub,
		log:       log,
		heartbeat: heartbeat,
		lifetime:  lifetime,
		auth:      auth.New(auth.Config{}),
	}
	a.register(humago.New(routes, apidoc.Config()), routes)
	id := submitPending(t, a, 1)[0]
	server := httptest.NewServer(payload.WithStallLimits(withDeadlines(guard.Problems(routes, nil), nil, a.auth), stall))
	t.Cleanup(server.Close)
	t.Cleanup(hub.Stop)
	return server, a, id
}

// submitPending submits n products of two numbers, in one transaction, and returns their ids. No worker computes them.
func submitPending(t *testing.T, a *API, n int) []uuid.UUID {
	t.Helper()
	one := matrix.Shape{
		Rows:  1,
		Cols:  1,
		DType: matrix.Float64,
	}
	ids := make([]uuid.UUID, n)
	err := a.store.InTx(t.Context(), func(tx *store.Tx) error {
		for i := range ids {
			m, err := a.jobs.SubmitTx(t.Context(), tx.For(identity.DefaultTenant), jobs.Submission{
				A:        jobs.Operand{Matrix: store.NewRandom(one, 1)},
				B:        jobs.Operand{Matrix: store.NewRandom(one, 2)},
				Priority: jobs.DefaultPriority,
			})
			if err != nil {
				return err
			}
			ids[i] = m.ID
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

// TestStreamEnds: a stream ends when its time is over, in order, so that its client resumes it.
func TestStreamEnds(t *testing.T) {
	t.Parallel()
	server, a, id := serveStreams(t, time.Hour)
	a.lifetime = stall / 2
	for _, last := range []string{"0", "1"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet,
			server.URL+"/v1/multiplications/"+id.String()+"/events?last_event_id="+last, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if got := strings.Contains(string(text), "event: state"); err != nil || got != (last == "0") {
			t.Errorf("after event %s: error %v, %q, want the end of the stream, and the event: %t", last, err, text, last == "0")
		}
	}
}

// TestHeartbeat: a stream without events continues, whether its heartbeat is shorter or longer than the stall timeout.
func TestHeartbeat(t *testing.T) {
	t.Parallel()
	for _, heartbeat := range []time.Duration{stall / 20, 2 * stall} {
		server, _, id := serveStreams(t, heartbeat)
		response, err := server.Client().Get(server.URL + multiplicationPath(id) + "/events")
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(response.Body)
		beats := 0
		for begin := time.Now(); beats < 3 || time.Since(begin) < 4*stall; {
			if !lines.Scan() {
				t.Fatalf("the stream ends after %d heartbeats: %v", beats, lines.Err())
			}
			if lines.Text() == ":" {
				beats++
			}
		}
		_ = response.Body.Close()
	}
}

// TestStalledStream: the subscription of a client that receives nothing ends.
func TestStalledStream(t *testing.T) {
	t.Parallel()
	server, a, id := serveStreams(t, time.Hour)
	// More than fits into the buffers on the way.
	if _, err := a.store.Pool.Exec(t.Context(), `INSERT INTO multiplication_events
		SELECT $1, i, now(), 'pending', 0 FROM generate_series(2, 150000) AS i`, id); err != nil {
		t.Fatal(err)
	}
	const sql = "UPDATE multiplications SET events = 150000 WHERE id = $1"
	if _, err := a.store.Pool.Exec(t.Context(), sql, id); err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.(*net.TCPConn).SetReadBuffer(4096); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "GET %s/events HTTP/1.1\r\nHost: x\r\n\r\n", multiplicationPath(id))
	for followed := false; !followed || a.hub.Watched() > 0; time.Sleep(time.Millisecond) {
		followed = followed || a.hub.Watched() > 0
	}
}

// TestExampleEvents compares the example of a stream in the description with what is sent.
func TestExampleEvents(t *testing.T) {
	t.Parallel()
	_, example, _ := strings.Cut(apidoc.GetEvents().Responses["200"].Description, "```\n")
	want, _, found := strings.Cut(example, "```")
	if !found {
		t.Fatal("there is no example")
	}
	s := &eventStream{}
	for line := range strings.Lines(want) {
		text, ok := strings.CutPrefix(line, "data: ")
		if !ok {
			continue
		}
		var e resource.MultiplicationEvent
		d := json.NewDecoder(strings.NewReader(text))
		d.DisallowUnknownFields()
		if err := d.Decode(&e); err != nil {
			t.Fatal(err)
		}
		row := store.Multiplication{
			ID:         uuid.MustParse(e.ID),
			TilesTotal: e.Tiles.Total,
			M:          2000,
			N:          2000,
			DType:      matrix.Float64,
		}
		event := watch.Event{
			Number:         2 + e.Tiles.Completed,
			At:             e.At,
			State:          e.State,
			TilesCompleted: e.Tiles.Completed,
		}
		if e.Result != nil {
			row.C = uuid.MustParse(e.Result.MatrixID)
			event.StateChanged = true
			event.Outcome = &row
		}
		if err := s.write(event, row); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.buf.String(); strings.TrimSpace(got) != strings.TrimSpace(want) {
		t.Errorf("write() = %s\nwant %s", got, want)
	}
}

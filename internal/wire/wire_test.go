package wire_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/internal/testdb"
	"github.com/millrace/millrace/internal/wire"
)

func TestMain(m *testing.M) { testdb.Main(m) }

// waitTimeout bounds a wait that should end long before.
const waitTimeout = 30 * time.Second

func connect(t *testing.T, databaseURL string) (*pgx.Conn, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), waitTimeout)
	defer cancel()
	conn, err := pgx.Connect(ctx, databaseURL)
	if err == nil {
		t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	}
	return conn, err
}

// begin sends a statement, and returns what becomes of it.
func begin(t *testing.T, conn *pgx.Conn, sql string) <-chan error {
	ended := make(chan error, 1)
	go func() {
		_, err := conn.Exec(t.Context(), sql)
		ended <- err
	}()
	return ended
}

// receive returns what became of a statement.
func receive(t *testing.T, ended <-chan error) error {
	t.Helper()
	select {
	case err := <-ended:
		return err
	case <-time.After(waitTimeout):
		t.Fatalf("the statement has not ended after %s", waitTimeout)
		return nil
	}
}

// wired returns a connection over a wire, the wire, and a connection beside it.
func wired(t *testing.T) (over *pgx.Conn, w *wire.Wire, beside *pgx.Conn) {
	t.Helper()
	t.Parallel()
	databaseURL := testdb.URL(testdb.NewEmpty(t))
	w = wire.New(t, "127.0.0.1:0", databaseURL)
	var err error
	if beside, err = connect(t, databaseURL); err != nil {
		t.Fatal(err)
	}
	if over, err = connect(t, w.URL(databaseURL)); err != nil {
		t.Fatal(err)
	}
	if _, err := beside.Exec(t.Context(), "CREATE TABLE seen (x int)"); err != nil {
		t.Fatal(err)
	}
	return over, w, beside
}

// rows counts what has reached the server.
func rows(t *testing.T, conn *pgx.Conn) (n int) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM seen").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

const insert = "INSERT INTO seen VALUES (7654321)"

// TestSilence: statements do not arrive, or they do and their responses do not; all goes on afterwards.
func TestSilence(t *testing.T) {
	over, w, beside := wired(t)
	w.Silence(wire.Statements)
	ended := begin(t, over, insert)
	select {
	case err := <-ended:
		t.Fatalf("without statements: %v, want no response", err)
	case <-time.After(50 * time.Millisecond): // silence gives no signal
	}
	if got := rows(t, beside); got != 0 {
		t.Errorf("without statements: %d rows, want 0", got)
	}
	w.Speak()
	if err := receive(t, ended); err != nil {
		t.Errorf("after the silence: %v, want success", err)
	}

	w.Silence(wire.Responses)
	ended = begin(t, over, insert)
	for deadline := time.Now().Add(waitTimeout); rows(t, beside) != 2; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("without responses: the statement does not arrive")
		}
	}
	select {
	case err := <-ended:
		t.Fatalf("without responses: %v, want none", err)
	case <-time.After(50 * time.Millisecond):
	}
	w.Speak()
	if err := receive(t, ended); err != nil {
		t.Errorf("after the silence: %v, want success", err)
	}
}

// TestDelay: a response that is late is not there in time, and comes.
func TestDelay(t *testing.T) {
	over, w, _ := wired(t)
	const late = 200 * time.Millisecond
	w.Delay(late)
	began := time.Now()
	if err := receive(t, begin(t, over, insert)); err != nil || time.Since(began) < late {
		t.Errorf("%v after %s, want success and not before %s", err, time.Since(began), late)
	}
}

// TestLose: a response is lost although its statement has done its work.
func TestLose(t *testing.T) {
	over, w, beside := wired(t)
	w.Lose([]byte("7654321"))
	if err := receive(t, begin(t, over, insert+" RETURNING x")); err == nil || !w.Lost() {
		t.Errorf("%v, Lost() = %t, want an error and true", err, w.Lost())
	}
	if got := rows(t, beside); got != 1 {
		t.Errorf("%d rows, want 1", got)
	}
}

// TestShut: connections are lost and new ones refused, until the wire is open.
func TestShut(t *testing.T) {
	over, w, beside := wired(t)
	w.Shut()
	if err := receive(t, begin(t, over, insert)); err == nil {
		t.Error("a statement over a shut wire succeeds, want an error")
	}
	again := w.URL(beside.Config().ConnString())
	if _, err := connect(t, again); err == nil || errors.Is(err, context.DeadlineExceeded) || w.Refused() == 0 {
		t.Errorf("connecting over a shut wire: %v, %d were refused, want a refusal", err, w.Refused())
	}
	w.Open()
	if _, err := connect(t, again); err != nil {
		t.Errorf("connecting over an open wire: %v, want success", err)
	}
}

// TestLead: new connections end at another server.
func TestLead(t *testing.T) {
	_, w, beside := wired(t)
	w.Lead("postgres://127.0.0.1:1/nothing")
	again := w.URL(beside.Config().ConnString())
	if _, err := connect(t, again); err == nil {
		t.Error("connecting to nothing succeeds, want an error")
	}
	w.Lead(beside.Config().ConnString())
	if _, err := connect(t, again); err != nil {
		t.Errorf("connecting to the server: %v, want success", err)
	}
}

package handlers_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/millrace/millrace/handlers"
	"github.com/millrace/millrace/handlers/problem"
	"github.com/millrace/millrace/handlers/resource"
)

// alone returns the status and the problem that an order has as a request of its own.
func (b *testBundle) alone(t *testing.T, order string) (int, problem.Problem) {
	t.Helper()
	a := b.post(t, "/v1/multiplications", jsonType, []byte(order))
	var p problem.Problem
	if a.StatusCode >= 400 {
		if err := json.Unmarshal(a.body, &p); err != nil {
			t.Fatal(err)
		}
	}
	return a.StatusCode, p
}

// TestBatchProblems: an order that cannot be accepted has the problem that it would have alone, and costs no other.
func TestBatchProblems(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true, limits: handlers.Limits{MaxMatrixBytes: 4 << 20, MaxJSONValues: 100}})
	stored := b.upload(t, someElements(3, 3).npy())
	orders := []string{
		`{"a":{"values":[[1,2]]},"b":{"values":[[3],[4]]}}`,
		`{}`, `[]`, `5`, `"x"`, `null`, `true`,
		`{"a":{"values":[[1]]}}`,
		`{"a":{"values":[[1]]},"b":{"values":[[1]]},"c":"]}\"["}`,
		`{"a":{"values":[[1,2]]},"b":{"values":[[1]]}}`,
		`{"a":{"values":[[1,2],[3]]},"b":{"values":[[1]]}}`,
		`{"a":{"values":[[1,"]"]]},"b":{"values":[[1]]}}`,
		`{"a":{"values":[[1,{"x":[1,[2]]}]]},"b":{"values":[[1]]}}`,
		`{"a":{"values":[[1e400]]},"b":{"values":[[1]]}}`,
		`{"a":{"values":[[1]]},"a":{"values":[[1]]},"b":{"values":[[1]]}}`,
		`{"a":{"values":[[1]]},"b":{"values":[[1]]},"priority":5}`,
		`{"a":{"values":[[1]]},"b":{"values":[[1]]},"priority":"high"}`,
		`{"a":{"matrix_id":"nonsense"},"b":{"values":[[1]]}}`,
		`{"a":{"matrix_id":"01a20a2b-e14c-7b09-8bd1-3e2f5a8c1d47"},"b":{"values":[[1]]}}`,
		`{"a":{"random":{"rows":3}},"b":{"values":[[1]]}}`,
		`{"a":{"random":{"rows":3000,"cols":3000}},"b":{"values":[[1]]}}`,
		`{"a":{"random":{"rows":900,"cols":1}},"b":{"random":{"rows":1,"cols":900}}}`,
		`{"a":{"matrix_id":"` + stored.ID + `"},"b":{"values":[[1],[2],[3]]}}`,
		`{"a":{"matrix_id":"` + stored.ID + `"},"b":{"values":[[1]]}}`,
		`{"a":{"random":{"rows":1,"cols":1,"seed":3}},"b":{"values":[[1]]},"priority":1}`,
		`{"a":{"values":[]},"b":{"values":[]}}`,
		`{"a":{"values":[[0.5]]},"b":{"values":[[1]]},"priority":4}`,
	}
	for kind, body := range map[string]string{
		jsonType:   " [" + strings.Join(orders, " ,\n") + "] ",
		ndjsonType: strings.Join(orders, "\n"),
	} {
		accepted := 0
		items := b.batch(t, kind, body).items(t)
		if len(items) != len(orders) {
			t.Fatalf("%s: %d items, want %d", kind, len(items), len(orders))
		}
		for i, item := range items {
			status, problem := b.alone(t, orders[i])
			switch {
			case status < 400 && (item.Status != status || item.ID == "" || item.Problem != nil):
				t.Errorf("%s: %s is %+v, want an accepted one", kind, orders[i], item)
			case status < 400:
				accepted++
				b.status(t, item.ID)
			case item.Problem == nil || item.Status != status || item.Problem.Status != problem.Status || item.Problem.Detail != problem.Detail || item.ID != "":
				t.Errorf("%s: %s has %+v, want %+v", kind, orders[i], item.Problem, problem)
			}
		}
		if accepted < 5 {
			t.Errorf("%d orders are accepted, want 5 or more", accepted)
		}
	}
}

// TestMalformedLine: a line that is not JSON is the problem of one order.
func TestMalformedLine(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	const good = `{"a":{"values":[[1]]},"b":{"values":[[1]]}}`
	bad := []string{`nonsense`, `{"a":`, `{"a":{"values":[[1]`, good + good, good + `]`, `"`, `{"a":{"values":[[01]]}}`, "\xff", `}`}
	items := b.batch(t, ndjsonType, good+"\n"+strings.Join(bad, "\n"+good+"\n")).items(t)
	if len(items) != 2*len(bad) {
		t.Fatalf("%d items, want %d", len(items), 2*len(bad))
	}
	for i, item := range items {
		switch {
		case i%2 == 0 && item.Status != http.StatusAccepted:
			t.Errorf("the good item %d is %+v", i, item.Problem)
		case i%2 == 1 && (item.Status != http.StatusBadRequest || !strings.Contains(item.Problem.Detail, "JSON")):
			t.Errorf("%q is %+v with %+v, want a 400 about JSON", bad[i/2], item, item.Problem)
		}
	}
}

// TestRefusedBatch: of a batch that cannot be read to its end nothing is accepted.
func TestRefusedBatch(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	before := b.kept(t)
	const good = `{"a":{"values":[[1]]},"b":{"values":[[1]]}}`
	row := strings.Repeat("1,", 5_000) + "1"
	large := `{"a":{"values":[[` + row + `]]},"b":{"random":{"rows":5001,"cols":1}}}`
	array, lines := smallOrders(resource.MaxOrders + 1)
	for _, c := range []struct {
		kind, body, text string
		status           int
	}{
		{jsonType, ``, "does not end", http.StatusBadRequest},
		{jsonType, `x`, "malformed JSON", http.StatusBadRequest},
		{jsonType, `{}`, "must be an array of orders, it is an object", http.StatusUnprocessableEntity},
		{jsonType, `"x"`, "it is a string", http.StatusUnprocessableEntity},
		{jsonType, `[`, "[0]: malformed JSON", http.StatusBadRequest},
		{jsonType, `[,]`, "[0]: malformed JSON", http.StatusBadRequest},
		{jsonType, `[` + good + `,]`, "[1]: malformed JSON", http.StatusBadRequest},
		{jsonType, `[` + good + `,{},` + good, "[2]: malformed JSON", http.StatusBadRequest},
		{jsonType, `[` + good + `,{},` + good + `,`, "[3]: malformed JSON", http.StatusBadRequest},
		{jsonType, `[` + good + ` ` + good + `]`, "[0]: malformed JSON", http.StatusBadRequest},
		{jsonType, `[` + good + `,{"a":nonsense}]`, "[1]: malformed JSON", http.StatusBadRequest},
		{jsonType, `[` + good + `,{"a":{"values":[[1,]]}}]`, "[1]: malformed JSON", http.StatusBadRequest},
		{jsonType, `[` + good + `,{"a":{"values":[[1`, "[1]: malformed JSON", http.StatusBadRequest},
		{jsonType, `[` + good + `,{"c":"]`, "[1]: malformed JSON", http.StatusBadRequest},
		{jsonType, `[` + good + `]]`, "[1]: malformed JSON: something follows", http.StatusBadRequest},
		{jsonType, `[` + good + `] ` + good, "[1]: malformed JSON: something follows", http.StatusBadRequest},
		{jsonType, array, "at most 10000 orders", http.StatusRequestEntityTooLarge},
		{ndjsonType, lines, "at most 10000 orders", http.StatusRequestEntityTooLarge},
		{ndjsonType, strings.Repeat(large+"\n", 450), "16777216 bytes together", http.StatusRequestEntityTooLarge},
		{"text/plain", good, "send application/json or application/x-ndjson", http.StatusUnsupportedMediaType},
	} {
		a := b.batch(t, c.kind, c.body, "Idempotency-Key", "refused").want(t, c.status)
		if !strings.Contains(string(a.body), c.text) {
			t.Errorf("%.80q: got %s, want %q in it", c.body, a.body, c.text)
		}
	}
	b.batch(t, jsonType, "["+good+"]", "Content-Digest", sha256Of([]byte("another"))).want(t, http.StatusBadRequest)
	b.batch(t, jsonType, "["+good+"]", "Accept", "text/html").want(t, http.StatusNotAcceptable)
	b.wantKept(t, before)
}

// TestLargeOperandOfBatch: numbers that would take an upload are the problem of their order.
func TestLargeOperandOfBatch(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	row := strings.Repeat("1,", 8_191) + "1" // 64 KiB
	orders := []string{
		`{"a":{"values":[[` + row + `]]},"b":{"random":{"rows":8192,"cols":1}}}`,
		`{"a":{"values":[[` + row + `,1]]},"b":{"random":{"rows":8193,"cols":1}}}`,
		`{"a":{"values":[[` + row + `],[` + row + `]]},"b":{"random":{"rows":8192,"cols":1}}}`,
		`{"a":{"values":[[1],[1` + strings.Repeat(",1", 1<<20) + `]]},"b":{"values":[[1]]}}`,
		`{"a":{"values":[[1]]},"b":{"values":[[1]]}}`,
	}
	items := b.batch(t, jsonType, "["+strings.Join(orders, ",")+"]").items(t)
	var statuses []int
	for _, item := range items {
		statuses = append(statuses, item.Status)
	}
	if got, want := fmt.Sprint(statuses), "[202 413 413 422 202]"; got != want {
		t.Errorf("the statuses are %s, want %s", got, want)
	}
}

// TestEmptyBatch: no order is no mistake.
func TestEmptyBatch(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	for _, c := range [][2]string{{jsonType, "[]"}, {jsonType, " [ ] "}, {ndjsonType, ""}, {ndjsonType, "\n \n"}} {
		for _, key := range []string{"", "k"} {
			headers := []string{"Prefer", "wait=60"}
			if key != "" {
				headers = append(headers, "Idempotency-Key", key)
			}
			a := b.batch(t, c[0], c[1], headers...).want(t, http.StatusOK)
			if got, want := string(a.body), `{"items":[]}`+"\n"; got != want {
				t.Errorf("%q: got %q, want %q", c[1], got, want)
			}
		}
	}
}

// TestBatchLosesDatabase: orders whose group cannot be accepted have its problem, and those of the groups before are
// accepted, whichever group that is.
func TestBatchLosesDatabase(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	// The disk is full once there are more than 1,000 of them: after the first group.
	if _, err := b.store.Pool.Exec(t.Context(), `
		CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			IF (SELECT count(*) FROM inline_pending) > 1000 THEN
				RAISE EXCEPTION 'no space left on device' USING ERRCODE = 'disk_full';
			END IF;
			RETURN NULL;
		END $$;
		CREATE TRIGGER full_disk AFTER INSERT ON inline_pending EXECUTE FUNCTION full_disk()`); err != nil {
		t.Fatal(err)
	}
	lines := strings.Repeat(smallOrderLine, 2500)
	items := b.batch(t, ndjsonType, lines).items(t)
	for i, item := range items {
		switch {
		case i < 1000 && (item.Status != http.StatusAccepted || item.ID == ""):
			t.Fatalf("item %d is %+v, want an accepted one", i, item)
		case i >= 1000 && (item.Status != http.StatusInsufficientStorage || item.ID != "" || item.Problem == nil):
			t.Fatalf("item %d is %+v, want a problem with status 507", i, item)
		}
	}
	if got := b.multiplications(t); got != 1000 || len(items) != 2500 {
		t.Errorf("%d multiplications, %d items, want 1000 and 2500", got, len(items))
	}
	// With a key a repetition goes on, so the request fails as a whole.
	b.batch(t, ndjsonType, lines, "Idempotency-Key", "k").want(t, http.StatusInsufficientStorage)
	if _, err := b.store.Pool.Exec(t.Context(), "DROP TRIGGER full_disk ON inline_pending"); err != nil {
		t.Fatal(err)
	}
	items = b.batch(t, ndjsonType, lines, "Idempotency-Key", "k").items(t)
	if got := b.multiplications(t); got != 3500 || acceptedOf(items) != 2500 {
		t.Errorf("%d multiplications, %d accepted orders, want 3500 and 2500", got, acceptedOf(items))
	}
}

const smallOrderLine = `{"a":{"values":[[1]]},"b":{"values":[[1]]}}` + "\n"

// errorLines receives the lines of a log.
type errorLines chan string

// Write implements io.Writer.
func (l errorLines) Write(line []byte) (int, error) {
	select {
	case l <- string(line):
	default:
	}
	return len(line), nil
}

// TestUnreadableBatch: what was accepted and cannot be read after the wait is sent as it was accepted, and the log says
// why.
func TestUnreadableBatch(t *testing.T) {
	t.Parallel()
	logged := make(errorLines, 1)
	b := setupWith(t, options{
		idle: true,
		log:  slog.New(slog.NewTextHandler(logged, &slog.HandlerOptions{Level: slog.LevelError})),
	})
	if _, err := b.store.Pool.Exec(t.Context(), "ALTER TABLE inline_completed RENAME TO elsewhere"); err != nil {
		t.Fatal(err)
	}
	items := b.batch(t, ndjsonType, smallOrderLine, "Prefer", "wait=1").items(t)
	if len(items) != 1 || items[0].Status != http.StatusAccepted || items[0].ID == "" {
		t.Errorf("got the items %+v, want one that was accepted", items)
	}
	select {
	case line := <-logged:
		if !strings.Contains(line, `msg="request failed"`) {
			t.Errorf("got the line %q, want that the request has failed", line)
		}
	default:
		t.Error("nothing is logged, want why the batch could not be read")
	}
}

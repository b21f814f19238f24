package handlers_test

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/millrace/millrace/handlers/resource"
	"github.com/millrace/millrace/jobs"
)

// TestReadingIsUse: what is read expires later: a matrix, and a result with its multiplication. What is looked at does
// not.
func TestReadingIsUse(t *testing.T) {
	t.Parallel()
	b := setup(t)
	operand := b.upload(t, someElements(260, 1030).npy())
	m := b.complete(t, b.submit(t, `{"a": {"matrix_id": "`+operand.ID+`"}, "b": {"random": {"rows": 1030, "cols": 260}}}`).ID)
	soon := time.Now().Add(time.Minute)
	for _, table := range []string{"matrices", "multiplications"} {
		b.exec(t, "UPDATE "+table+" SET expires_at = $1", soon)
	}
	late := func(at *time.Time) bool { return at != nil && at.After(soon.Add(time.Minute)) }
	matrix := func(id string) resource.Matrix {
		return decode[resource.Matrix](t, b.get(t, "/v1/matrices/"+id).want(t, http.StatusOK))
	}
	if status := b.status(t, m.ID); late(status.ExpiresAt) || late(new(matrix(operand.ID).ExpiresAt)) {
		t.Errorf("what is looked at expires at %v, want %v", status.ExpiresAt, soon)
	}
	b.get(t, "/v1/multiplications/"+m.ID+"/result").want(t, http.StatusOK)
	if status := b.status(t, m.ID); !late(status.ExpiresAt) {
		t.Errorf("a multiplication whose result is read expires at %v, want later", status.ExpiresAt)
	}
	if late(new(matrix(operand.ID).ExpiresAt)) {
		t.Error("the operand expires later, although only the result is read")
	}
	b.get(t, "/v1/matrices/"+operand.ID+"/content").want(t, http.StatusOK)
	if at := matrix(operand.ID).ExpiresAt; !late(&at) {
		t.Errorf("a matrix that is read expires at %v, want later", at)
	}
}

// wantExpiry checks that a multiplication says what retention it has, and that it, its result and the operands that came
// with it expire that long after a time, but a stored operand does not.
func (b *testBundle) wantExpiry(t *testing.T, m resource.Multiplication, since time.Time, want time.Duration, stored string) {
	t.Helper()
	if m.Retention != int64(want.Seconds()) {
		t.Errorf("the multiplication tells a retention of %d, want %.0f", m.Retention, want.Seconds())
	}
	times := map[string]*time.Time{"multiplication": m.ExpiresAt}
	for name, id := range map[string]string{"a": m.A.MatrixID, "b": m.B.MatrixID, "result": m.Result.MatrixID} {
		times[name] = new(decode[resource.Matrix](t, b.get(t, "/v1/matrices/"+id).want(t, http.StatusOK)).ExpiresAt)
		if id == stored {
			if times[name].Sub(since) < b.store.Retention-time.Minute {
				t.Errorf("the stored operand expires after %s, want its own retention", times[name].Sub(since))
			}
			delete(times, name)
		}
	}
	for name, at := range times {
		if got := at.Sub(since); (got - want).Abs() > time.Minute {
			t.Errorf("%s expires after %s, want %s", name, got, want)
		}
	}
}

// TestRetentionOfRequest: a submission says how long it is kept: after its end, after its result is read, and when it was
// cancelled and retried; in each form, and with operands of each kind.
func TestRetentionOfRequest(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{accept: jobs.Limits{MaxRetention: 100 * time.Hour}})
	const long = 99 * time.Hour
	member := `"retention_seconds": ` + strconv.Itoa(int(long.Seconds())) + `}`
	stored := b.upload(t, someElements(260, 1030).npy())
	small := b.submit(t, `{"a": {"values": [[1, 2]]}, "b": {"values": [[3], [4]]}, `+member)
	withStored := b.submit(t, `{"a": {"matrix_id": "`+stored.ID+`"}, "b": {"random": {"rows": 1030, "cols": 260}}, `+member)
	contentType, body := form(t, part{"a", someElements(260, 1030).npy()}, part{"retention_seconds", []byte("7200")},
		part{"b", someElements(1030, 2).npy()})
	files := decode[resource.Multiplication](t,
		b.post(t, "/v1/multiplications", contentType, body).want(t, http.StatusAccepted))
	items := b.batch(t, jsonType, `[{"a": {"values": [[1, 2]]}, "b": {"values": [[3], [4]]}, `+member+`,
		{"a": {"values": [[1, 2]]}, "b": {"values": [[3], [4]]}, "retention_seconds": 400000}]`).items(t)
	if items[1].Status != http.StatusUnprocessableEntity {
		t.Errorf("an order with a retention that is too long got %d, want 422", items[1].Status)
	}
	for _, id := range []string{small.ID, withStored.ID, items[0].ID} {
		began := time.Now()
		b.wantExpiry(t, b.complete(t, id), began, long, stored.ID)
	}
	b.wantExpiry(t, b.complete(t, files.ID), time.Now(), 2*time.Hour, "")

	b.exec(t, "UPDATE multiplications SET expires_at = now() + interval '1 hour'")
	b.exec(t, "UPDATE matrices SET expires_at = now() + interval '1 hour'")
	b.get(t, "/v1/multiplications/"+withStored.ID+"/result").want(t, http.StatusOK)
	if at := b.status(t, withStored.ID).ExpiresAt; time.Until(*at) < long-time.Minute {
		t.Errorf("a multiplication whose result is read expires at %v, want its own retention from now", at)
	}
}

// TestRetentionOfMatrix: a matrix that is uploaded may have a retention of its own, within the bounds of others.
func TestRetentionOfMatrix(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	post := func(query string) received {
		return b.post(t, "/v1/matrices?retention_seconds="+query, npyType, someElements(2, 3).npy())
	}
	m := decode[resource.Matrix](t, post("120").want(t, http.StatusCreated))
	if kept := m.ExpiresAt.Sub(m.CreatedAt); kept != 2*time.Minute {
		t.Errorf("it is said to be kept for %s, want 2 minutes", kept)
	}
	b.get(t, "/v1/matrices/"+m.ID+"/content").want(t, http.StatusOK) // which is a use
	var left time.Duration
	const sql = "SELECT expires_at - now() FROM matrices WHERE id = $1"
	if err := b.store.Pool.QueryRow(t.Context(), sql, m.ID).Scan(&left); err != nil {
		t.Fatal(err)
	}
	if left > 2*time.Minute || left < time.Minute {
		t.Errorf("it expires in %s, want 2 minutes", left)
	}
	longer := strconv.Itoa(int(b.store.Retention.Seconds()) + 1)
	for _, seconds := range []string{longer, "59", "-1", "9223372036854775807", "x"} {
		post(seconds).want(t, http.StatusUnprocessableEntity)
	}
}

// TestRetentionOfCancelled: one that is cancelled, and retried, keeps its retention.
func TestRetentionOfCancelled(t *testing.T) {
	t.Parallel()
	b := setup(t)
	large := `{"random": {"rows": 2000, "cols": 2000}}`
	m := b.submit(t, `{"a": `+large+`, "b": `+large+`, "retention_seconds": 1200}`)
	for _, path := range []string{"/cancel", "/retry", "/cancel"} {
		b.await(t, m.ID, func(resource.Multiplication) bool { // a tile that runs is to stop first
			return b.post(t, "/v1/multiplications/"+m.ID+path, jsonType, nil).StatusCode == http.StatusOK
		})
		var left time.Duration
		const sql = "SELECT expires_at - now() FROM multiplications WHERE id = $1"
		if err := b.store.Pool.QueryRow(t.Context(), sql, m.ID).Scan(&left); err != nil {
			t.Fatal(err)
		}
		if left > 20*time.Minute || left < 15*time.Minute {
			t.Errorf("after POST %s it expires in %s, want 20 minutes", path, left)
		}
	}
}

// TestRetentionBounds: a retention that the settings do not allow is refused, and leaves nothing; one of the length of
// others is always allowed. While a process runs that would not keep to it, a submission is to come back later.
func TestRetentionBounds(t *testing.T) {
	t.Parallel()
	b := setup(t)
	order := func(seconds string) []byte {
		return []byte(`{"a": {"values": [[1, 2]]}, "b": {"values": [[3], [4]]}, "retention_seconds": ` + seconds + `}`)
	}
	post := func(seconds string) received { return b.post(t, "/v1/multiplications", jsonType, order(seconds)) }
	longest := strconv.Itoa(int(b.store.Retention.Seconds()))
	post(longest).want(t, http.StatusAccepted)
	post("60").want(t, http.StatusAccepted)
	before := b.kept(t)
	longer := strconv.Itoa(int(b.store.Retention.Seconds()) + 1)
	for _, seconds := range []string{longer, "59", "0", "-1", "1e400", "315360001", `"PT1H"`, "61.5"} {
		post(seconds).want(t, http.StatusUnprocessableEntity)
	}
	b.exec(t, "INSERT INTO workers (id, schema_version) VALUES ('of the version before', 21)")
	if got := post("60").want(t, http.StatusServiceUnavailable); got.Header.Get("Retry-After") == "" {
		t.Error("a 503 without Retry-After")
	}
	b.wantKept(t, before)
}

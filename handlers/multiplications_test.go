package handlers_test

import (
	"encoding/binary"
	"encoding/json"
	"maps"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/handlers"
	"github.com/millrace/millrace/handlers/resource"
)

// members returns the names of an object's members, sorted.
func members(t *testing.T, text []byte) (string, map[string]json.RawMessage) {
	t.Helper()
	var object map[string]json.RawMessage
	if err := json.Unmarshal(text, &object); err != nil {
		t.Fatal(err)
	}
	return strings.Join(slices.Sorted(maps.Keys(object)), " "), object
}

func TestMultiplicationMembers(t *testing.T) {
	t.Parallel()
	b := setup(t)
	idle := setupWith(t, options{idle: true})
	const body = `{"a": {"values": [[1, 2]]}, "b": {"values": [[3], [4]]}}`
	const always = "a attempts b created_at dtype errors"
	t.Run("pending", func(t *testing.T) {
		a := idle.get(t, "/v1/multiplications/"+idle.submit(t, body).ID).want(t, http.StatusOK)
		names, object := members(t, a.body)
		if want := always + " id links priority progress shape state tiles waiting"; names != want {
			t.Errorf("members %s, want %s", names, want)
		}
		for name, want := range map[string]string{
			"state":    `"pending"`,
			"priority": "2",
			"shape":    `{"m":1,"k":2,"n":1}`,
			"dtype":    `"float64"`,
			"progress": "0",
			"attempts": "0",
			"tiles":    `{"total":1,"completed":0,"running":0,"retrying":0}`,
			"errors":   "[]",
		} {
			if string(object[name]) != want {
				t.Errorf("%s is %s, want %s", name, object[name], want)
			}
		}
		if names, _ = members(t, object["a"]); names != "cols dtype matrix_id rows" {
			t.Errorf("members of a: %s, want those of a reference", names)
		}
	})
	t.Run("completed", func(t *testing.T) {
		m := b.complete(t, b.submit(t, body).ID)
		names, object := members(t, b.get(t, "/v1/multiplications/"+m.ID).body)
		const more = " expires_at finished_at id links priority progress result shape started_at state tiles"
		if names != always+more {
			t.Errorf("members %s, want %s", names, always+more)
		}
		if names, _ = members(t, object["result"]); names != "bytes cols dtype href matrix_id rows verified" {
			t.Errorf("members of result: %s, want those of a result", names)
		}
		for _, name := range []string{"created_at", "started_at", "finished_at", "expires_at"} {
			if text := string(object[name]); !strings.HasSuffix(text, `Z"`) {
				t.Errorf("%s is %s, want UTC", name, text)
			}
		}
		checkTimes(t, m)
		href := "/v1/multiplications/" + m.ID + "/result"
		if r := m.Result; r.Bytes != 8 || !r.Verified || r.Href != href || m.Attempts != 1 {
			t.Errorf("%d attempts, result %+v, want 1 and 8 verified bytes at %s", m.Attempts, r, href)
		}
		b.get(t, "/v1/matrices/"+m.Result.MatrixID).want(t, http.StatusOK)
	})
}

func checkTimes(t *testing.T, m resource.Multiplication) {
	t.Helper()
	times := []time.Time{m.CreatedAt, *m.StartedAt, *m.FinishedAt, *m.ExpiresAt}
	if !slices.IsSortedFunc(times, time.Time.Compare) {
		t.Errorf("created, started, finished, expires: %v, want them in this order", times)
	}
}

func TestNoSuchMultiplication(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	for _, id := range []string{uuid.NewString(), "1", "%00", "%ff", "x%2fy", strings.Repeat("x", 5000)} {
		b.get(t, "/v1/multiplications/"+id).want(t, http.StatusNotFound)
		b.get(t, "/v1/multiplications/"+id+"/result").want(t, http.StatusNotFound)
		b.do(t, http.MethodPost, "/v1/multiplications/"+id+"/cancel", nil).want(t, http.StatusNotFound)
	}
}

func (b *testBundle) cancel(t *testing.T, id string) received {
	t.Helper()
	return b.do(t, http.MethodPost, "/v1/multiplications/"+id+"/cancel", nil)
}

func TestCancel(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{limits: handlers.Limits{MaxMatrixBytes: 4 << 30}})
	idle := setupWith(t, options{idle: true})
	const small = `{"a": {"values": [[1]]}, "b": {"values": [[1]]}}`
	t.Run("pending", func(t *testing.T) {
		id := idle.submit(t, small).ID
		for range 2 { // to cancel twice is no error
			m := decode[resource.Multiplication](t, idle.cancel(t, id).want(t, http.StatusOK))
			if m.State != "cancelled" || m.FinishedAt == nil || m.ExpiresAt == nil || m.StartedAt != nil || m.Result != nil {
				t.Errorf("got %+v, want it cancelled, finished and not started", m)
			}
		}
		idle.get(t, "/v1/multiplications/"+id+"/result").want(t, http.StatusConflict)
		var state string
		err := idle.store.Pool.QueryRow(t.Context(), "SELECT state FROM river_job WHERE kind = 'multiply_tile'").Scan(&state)
		if err != nil || state != "cancelled" {
			t.Errorf("the job is %s, %v, want cancelled", state, err)
		}
	})
	t.Run("running", func(t *testing.T) {
		const order = `{"a": {"random": {"rows": 2000, "cols": 200000}}, "b": {"random": {"rows": 200000, "cols": 2000}}}`
		id := b.submit(t, order).ID
		m := b.await(t, id, func(m resource.Multiplication) bool { return m.State == "in_progress" && m.Tiles.Running > 0 })
		if m.StartedAt == nil || m.FinishedAt != nil || m.ExpiresAt != nil {
			t.Errorf("got %+v, want it started and not finished", m)
		}
		b.get(t, "/v1/multiplications/"+id+"/result").want(t, http.StatusConflict)
		b.get(t, "/v1/multiplications/"+id+"/result", "Accept", jsonType).want(t, http.StatusConflict)
		m = decode[resource.Multiplication](t, b.cancel(t, id).want(t, http.StatusOK))
		if m.State != "cancelled" || m.Result != nil {
			t.Errorf("got %+v, want it cancelled", m)
		}
		m = b.await(t, id, func(m resource.Multiplication) bool { return m.Tiles.Running == 0 })
		if m.State != "cancelled" || m.Tiles.Completed == m.Tiles.Total {
			t.Errorf("got %+v, want it cancelled before its last tile", m)
		}
	})
	t.Run("completed", func(t *testing.T) {
		id := b.submit(t, small).ID
		b.complete(t, id)
		b.cancel(t, id).want(t, http.StatusConflict)
		if m := b.status(t, id); m.State != "completed" {
			t.Errorf("after the refused cancellation: %s, want completed", m.State)
		}
	})
}

func TestNotFinite(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for name, c := range map[string]struct{ x, y, want elements }{
		"overflow":  {newElements(1, 1, 1e300), newElements(1, 1, -1e300), newElements(1, 1, math.Inf(-1))},
		"NaN":       {newElements(1, 1, math.NaN()), newElements(1, 1, 0), newElements(1, 1, math.NaN())},
		"Inf":       {newElements(1, 2, math.Inf(1), 1), newElements(2, 1, 2, 3), newElements(1, 1, math.Inf(1))},
		"Inf - Inf": {newElements(1, 2, math.Inf(1), math.Inf(-1)), newElements(2, 1, 1, 1), newElements(1, 1, math.NaN())},
	} {
		t.Run(name, func(t *testing.T) {
			contentType, body := form(t, part{"a", c.x.npy()}, part{"b", c.y.npy()})
			a := b.post(t, "/v1/multiplications", contentType, body).want(t, http.StatusAccepted)
			m := b.complete(t, decode[resource.Multiplication](t, a).ID)
			a = b.get(t, m.Result.Href, "Accept", jsonType).want(t, http.StatusNotAcceptable)
			if !strings.Contains(string(a.body), "ask for application/x-npy") {
				t.Errorf("got %s, want a hint at .npy in it", a.body)
			}
			a = b.get(t, m.Result.Href).want(t, http.StatusOK)
			got := math.Float64frombits(binary.LittleEndian.Uint64(a.body[128:]))
			if want := c.want.data[0]; got != want && !(math.IsNaN(got) && math.IsNaN(want)) {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}

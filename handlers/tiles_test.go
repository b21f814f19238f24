package handlers_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/handlers/resource"
)

// cellReads counts the statements that read the cells of a grid.
type cellReads struct{ n atomic.Int64 }

// TraceQueryStart implements pgx.QueryTracer.
func (c *cellReads) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	if strings.Contains(data.SQL, "name: ListCells") {
		c.n.Add(1)
	}
	return ctx
}

// TraceQueryEnd implements pgx.QueryTracer.
func (*cellReads) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// TestTileGrid: a grid has the state of each tile at its place in the result, and is read once for many that ask at the
// same time.
func TestTileGrid(t *testing.T) {
	t.Parallel()
	reads := new(cellReads)
	b := setupWith(t, options{idle: true, tracer: reads})
	const operand = `{"random": {"rows": %d, "cols": %d, "dtype": "float32"}}`
	m := b.submit(t, fmt.Sprintf(`{"a": `+operand+`, "b": `+operand+`}`, 2600, 2, 2, 6000)) // 2 × 3 tiles
	grid := func() resource.TileGrid {
		t.Helper()
		return decode[resource.TileGrid](t, b.get(t, m.Links.Self+"/tiles").want(t, http.StatusOK))
	}
	want := func(state, cells string) {
		t.Helper()
		deadline := time.Now().Add(time.Minute)
		for {
			g := grid()
			if got := strings.Join(g.Cells, "/"); g.State == state && got == cells && g.Rows == 2 && g.Cols == 3 {
				return
			} else if time.Now().After(deadline) {
				t.Fatalf("the grid is %+v, want %s of one that is %s", g, cells, state)
			}
			time.Sleep(20 * time.Millisecond) // it may be a second old
		}
	}
	want("pending", ".../...")
	for tile, change := range map[int]string{
		0: "state = 'completed', finalized_at = now()",
		2: "state = 'running'",
		3: `state = 'retryable', errors = ARRAY['{"at": "2026-01-05T09:30:00Z", "attempt": 1, "error": "x", "trace": ""}'::jsonb]`,
		5: "state = 'discarded', finalized_at = now()",
	} {
		const of = " WHERE args->>'multiplication_id' = $1 AND args->>'tile' = $2::text"
		if _, err := b.store.Pool.Exec(t.Context(), "UPDATE river_job SET "+change+of, m.ID, string(rune('0'+tile))); err != nil {
			t.Fatal(err)
		}
	}
	want("pending", "c.r/e.f")
	before := reads.n.Load()
	var clients sync.WaitGroup
	for range 20 {
		clients.Go(func() { b.get(t, m.Links.Self+"/tiles").want(t, http.StatusOK) })
	}
	clients.Wait()
	if n := reads.n.Load() - before; n > 10 { // one, unless the machine is so slow that this takes seconds
		t.Errorf("20 clients had the grid read %d times, want 1", n)
	}
	empty := b.submit(t, `{"a": {"random": {"rows": 0, "cols": 2}}, "b": {"random": {"rows": 2, "cols": 3}}}`)
	a := b.get(t, empty.Links.Self+"/tiles").want(t, http.StatusOK)
	if g := decode[resource.TileGrid](t, a); g.State != "completed" || g.Rows != 0 || len(g.Cells) != 0 {
		t.Errorf("the grid of a result without elements is %s, want no cells", a.body)
	}
	b.get(t, "/v1/multiplications/"+uuid.NewString()+"/tiles").want(t, http.StatusNotFound)
}

// TestMatrixList: pages of matrices have each of the tenant's once, newest first, those of a source if one is given.
func TestMatrixList(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	var made []string
	for range 5 {
		a := b.do(t, http.MethodPost, "/v1/matrices", strings.NewReader("[[1, 2]]"), "Content-Type", jsonType)
		made = append(made, decode[resource.Matrix](t, a.want(t, http.StatusCreated)).ID)
	}
	m := b.submit(t, randoms(300, 300, 300)) // whose result is not there yet
	var seen []string
	path := "/v1/matrices?limit=2"
	for path != "" {
		a := b.get(t, path).want(t, http.StatusOK)
		list := decode[resource.MatrixList](t, a)
		for _, item := range list.Items {
			seen = append(seen, item.ID)
			if item.State != "ready" || item.Bytes == 0 || item.ExpiresAt.IsZero() {
				t.Errorf("listed %+v, want one that is ready", item)
			}
		}
		path = ""
		if list.NextCursor != "" {
			path = "/v1/matrices?limit=2&cursor=" + list.NextCursor
			if link := a.Header.Get("Link"); !strings.Contains(link, list.NextCursor) {
				t.Errorf("Link = %q, want the next page", link)
			}
		}
	}
	if len(seen) != 7 || seen[6] != made[0] || seen[2] != made[4] {
		t.Errorf("listed %v, want the operands of %s, then %v, the newest first", seen, m.ID, made)
	}
	random := decode[resource.MatrixList](t, b.get(t, "/v1/matrices?source=random").want(t, http.StatusOK))
	if len(random.Items) != 2 || random.Items[0].Source != "random" {
		t.Errorf("the random ones are %+v, want two", random.Items)
	}
	since := decode[resource.MatrixList](t, b.get(t, "/v1/matrices?created_since=2999-01-01T00:00:00Z").want(t, http.StatusOK))
	old := decode[resource.MatrixList](t, b.get(t, "/v1/matrices?created_before=2000-01-01T00:00:00Z").want(t, http.StatusOK))
	if len(since.Items)+len(old.Items) != 0 {
		t.Errorf("of other times there are %+v and %+v, want none", since, old)
	}
	tag := b.get(t, "/v1/matrices").Header.Get("ETag")
	b.get(t, "/v1/matrices", "If-None-Match", tag).want(t, http.StatusNotModified)
	b.get(t, "/v1/matrices?source=other").want(t, http.StatusUnprocessableEntity)
}

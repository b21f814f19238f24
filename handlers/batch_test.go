package handlers_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/millrace/millrace/handlers/resource"
)

const (
	batchPath  = "/v1/multiplications:batch"
	ndjsonType = "application/x-ndjson"
)

// batch sends a batch with more headers.
func (b *testBundle) batch(t testing.TB, contentType, body string, headers ...string) received {
	t.Helper()
	return b.do(t, http.MethodPost, batchPath, strings.NewReader(body), append([]string{"Content-Type", contentType}, headers...)...)
}

// items reads the items of a response in either form.
func (a received) items(t testing.TB) []resource.BatchItem {
	t.Helper()
	if a.Header.Get("Content-Type") != ndjsonType {
		return decode[resource.Batch](t, a.want(t, http.StatusOK)).Items
	}
	items := []resource.BatchItem{}
	for line := range bytes.Lines(a.want(t, http.StatusOK).body) {
		items = append(items, decode[resource.BatchItem](t, received{a.Response, line}))
	}
	return items
}

// smallOrders returns the orders 1·i, in both forms.
func smallOrders(n int) (array, lines string) {
	orders := make([]string, n)
	for i := range orders {
		orders[i] = fmt.Sprintf(`{"a":{"values":[[1,2],[3,%d]]},"b":{"values":[[1,0],[0,1]]}}`, i)
	}
	return "[" + strings.Join(orders, ",") + "]", strings.Join(orders, "\n")
}

// TestBatch: the items are in the order of the orders, with their results if the request waits, in each combination of
// the forms of the request and of the response.
func TestBatch(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const n = 300
	array, lines := smallOrders(n)
	for _, c := range []struct{ contentType, body, accept, want string }{
		{jsonType, array, "", jsonType},
		{jsonType, "\xef\xbb\xbf " + array + "\n", "*/*", jsonType},
		{ndjsonType, lines, ndjsonType, ndjsonType},
		{ndjsonType, "\n\n" + strings.ReplaceAll(lines, "\n", " \r\n\r\n") + "\n", "application/json, application/x-ndjson;q=0.5", jsonType},
		{jsonType, array, "application/json;q=0.5, application/x-ndjson", ndjsonType},
	} {
		a := b.batch(t, c.contentType, c.body, "Prefer", "wait=60", "Accept", c.accept)
		items := a.items(t)
		if got := a.Header.Get("Content-Type"); got != c.want || len(items) != n {
			t.Errorf("got %d items as %s, want %d as %s", len(items), got, n, c.want)
		}
		if got := a.Header.Get("Preference-Applied"); got != "wait=60" {
			t.Errorf("Preference-Applied is %q, want wait=60", got)
		}
		for i, item := range items {
			want := fmt.Sprintf("[[1,2],[3,%d]]", i)
			if item.Status != http.StatusOK || item.State != "completed" || string(item.Result.Values) != want {
				t.Fatalf("item %d is %+v with %s, want a completed one with %s", i, item, item.Result.Values, want)
			}
		}
	}
	items := b.batch(t, jsonType, array).items(t)
	for i, item := range items {
		m := b.status(t, item.ID)
		if item.Status != http.StatusAccepted || item.State != "pending" || item.Links.Self != m.Links.Self {
			t.Fatalf("item %d is %+v, want an accepted one", i, item)
		}
		if i == 20 {
			break
		}
	}
}

// TestBatchRendering: the items are what encoding/json makes of them.
func TestBatchRendering(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const body = `{"a":{"values":[[1,2]]},"b":{"values":[[3],[4]]}}
		{"a":{"values":[]},"b":{"values":[]}}
		{"a":{"values":[[1e308]]},"b":{"values":[[1e308]]}}
		{"a":{"random":{"rows":200,"cols":2}},"b":{"random":{"rows":2,"cols":300}}}
		{"a":{"values":[[1]]},"b":{"values":[[1],[2]]}}`
	for _, prefer := range []string{"", "wait=60"} {
		a := b.batch(t, ndjsonType, body, "Accept", ndjsonType, "Prefer", prefer).want(t, http.StatusOK)
		for i, item := range a.items(t) {
			want, err := json.Marshal(item)
			if err != nil {
				t.Fatal(err)
			}
			if got := bytes.Split(a.body, []byte("\n"))[i]; !bytes.Equal(got, want) {
				t.Errorf("item %d is\n%s, want\n%s", i, got, want)
			}
		}
	}
}

func BenchmarkBatch(b *testing.B) {
	s := setupWith(b, options{idle: true})
	array, _ := smallOrders(10_000)
	b.ReportAllocs()
	for b.Loop() {
		s.batch(b, jsonType, array).want(b, http.StatusOK)
	}
	b.ReportMetric(float64(10_000*b.N)/b.Elapsed().Seconds(), "orders/s")
}

func BenchmarkBatchWait(b *testing.B) {
	s := setup(b)
	array, _ := smallOrders(10_000)
	b.ReportAllocs()
	for b.Loop() {
		a := s.batch(b, jsonType, array, "Prefer", "wait=60").want(b, http.StatusOK)
		if n := bytes.Count(a.body, []byte(`"state":"completed"`)); n != 10_000 {
			b.Fatalf("%d are completed, want 10000", n)
		}
	}
	b.ReportMetric(float64(10_000*b.N)/b.Elapsed().Seconds(), "orders/s")
}

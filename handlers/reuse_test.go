package handlers_test

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"github.com/millrace/millrace/handlers/problem"
	"github.com/millrace/millrace/handlers/resource"
	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/internal/s3server"
	"github.com/millrace/millrace/jobs"
)

// withMember returns an order with one more member.
func withMember(order, member string) string {
	return strings.TrimSuffix(order, "}") + ", " + member + "}"
}

// TestReused: what multiplies the same matrices again responds with the result, says so, and is a multiplication as any
// other: with events, a retention, webhooks that are told, a response that is repeated with its key, and a life that
// does not hang on the first.
func TestReused(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{accept: jobs.Limits{Reuse: true}})
	hook := b.hook(t, `{"url": "https://example.com/hooks", "small": false, "states": ["completed"]}`).ID
	first := b.complete(t, b.submit(t, fourTiles).ID)
	want := b.get(t, first.Result.Href, "Accept", npyType).want(t, http.StatusOK)
	if first.Reused || first.Attempts != 4 {
		t.Errorf("the first: %+v, want it computed", first)
	}
	waited := b.postWait(t, withMember(fourTiles, `"retention_seconds": 90`), "wait=30").want(t, http.StatusOK).applied(t, "wait=30")
	keyed := b.keyed(t, "again", "/v1/multiplications", jsonType, []byte(fourTiles)).want(t, http.StatusAccepted)
	b.keyed(t, "again", "/v1/multiplications", jsonType, []byte(fourTiles)).repeats(t, keyed)
	item := b.batch(t, jsonType, "["+fourTiles+"]", "Idempotency-Key", "many").items(t)[0]
	waitedItem := b.batch(t, jsonType, "["+fourTiles+"]", "Idempotency-Key", "many", "Prefer", "wait=30").items(t)[0]
	if !item.Reused || item.State != "completed" || item.Status != http.StatusAccepted ||
		!waitedItem.Reused || waitedItem.Status != http.StatusOK || waitedItem.Result == nil || waitedItem.ID != item.ID {
		t.Errorf("in a batch %+v, when it is repeated to wait %+v, want both reused", item, waitedItem)
	}
	again := []resource.Multiplication{
		decode[resource.Multiplication](t, waited), decode[resource.Multiplication](t, keyed), b.status(t, item.ID),
	}
	for i, m := range again {
		if !m.Reused || m.State != "completed" || m.Attempts != 0 || m.Tiles != first.Tiles || m.Progress != 1 || m.Result == nil {
			t.Errorf("%d: %+v, want it completed with the result", i, m)
		}
		if read := b.status(t, m.ID); read.Retention != m.Retention || !read.Reused || read.Result.MatrixID != m.Result.MatrixID {
			t.Errorf("%d: is read as %+v, was %+v", i, read, m)
		}
		events := b.subscribe(t, m.ID).rest()
		if len(events) != 2 || events[0].data.State != "pending" || events[1].data.State != "completed" || events[1].data.Result == nil {
			t.Errorf("%d: events %+v, want the submission and the completion", i, events)
		}
	}
	if again[0].Retention != 90 {
		t.Errorf("retention %d, want 90", again[0].Retention)
	}
	told := decode[resource.DeliveryList](t, b.get(t, hooksPath+"/"+hook+"/deliveries").want(t, http.StatusOK)).Items
	if len(told) != 4 || told[0].MultiplicationID != again[2].ID || told[2].MultiplicationID != again[0].ID {
		t.Errorf("the webhook is told of %+v, want all four", told)
	}
	b.delete(t, "/v1/multiplications/"+first.ID).want(t, http.StatusNoContent)
	b.delete(t, "/v1/multiplications/"+again[1].ID).want(t, http.StatusNoContent)
	for _, m := range []resource.Multiplication{again[0], again[2]} {
		got := b.get(t, m.Result.Href, "Accept", npyType).want(t, http.StatusOK)
		if !bytes.Equal(got.body, want.body) {
			t.Errorf("the result of %s has changed after others were deleted", m.ID)
		}
	}
}

// TestReuseRefused: a submission that refuses it is computed, in each form, and its result may be reused; what is
// neither true nor false is refused.
func TestReuseRefused(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{accept: jobs.Limits{Reuse: true}})
	first := b.complete(t, b.submit(t, withMember(fourTiles, `"reuse": false`)).ID)
	if !b.submit(t, withMember(fourTiles, `"reuse": true`)).Reused {
		t.Error("it is computed, want the result of the one that has refused others")
	}
	if m := b.submit(t, withMember(fourTiles, `"reuse": false`)); m.Reused || m.State == "completed" {
		t.Errorf("it refuses an earlier result, and is %+v", m)
	}
	item := b.batch(t, jsonType, "["+withMember(fourTiles, `"reuse": false`)+"]").items(t)[0]
	if item.Reused || item.State != "pending" {
		t.Errorf("in a batch it refuses an earlier result, and is %+v", item)
	}
	for _, value := range []string{"null", "0", `"false"`, "{}"} {
		b.post(t, "/v1/multiplications", jsonType, []byte(withMember(fourTiles, `"reuse": `+value))).wantCode(t, problem.Invalid)
	}
	b.delete(t, "/v1/multiplications/"+first.ID).want(t, http.StatusNoContent)
	file := randomFile(t, 2600, 2, 1)
	other := randomFile(t, 2, 2100, 2)
	send := func(reuse ...string) received {
		var body bytes.Buffer
		w := multipart.NewWriter(&body)
		for name, content := range map[string][]byte{"a": file, "b": other} {
			part, _ := w.CreateFormFile(name, name+".npy")
			_, _ = part.Write(content)
		}
		for _, value := range reuse {
			_ = w.WriteField("reuse", value)
		}
		_ = w.Close()
		return b.post(t, "/v1/multiplications", w.FormDataContentType(), body.Bytes())
	}
	b.complete(t, decode[resource.Multiplication](t, send("true").want(t, http.StatusAccepted)).ID)
	for value, want := range map[string]bool{"true": true, "false": false} {
		if m := decode[resource.Multiplication](t, send(value).want(t, http.StatusAccepted)); m.Reused != want {
			t.Errorf("reuse=%s in a form: reused %t, want %t", value, m.Reused, want)
		}
	}
	send("no").wantCode(t, problem.Invalid)
	send("true", "true").wantCode(t, problem.Invalid)
}

// TestReuseOfTenants: a tenant does not learn from the response what others have computed.
func TestReuseOfTenants(t *testing.T) {
	t.Parallel()
	b := setupTenants(t, options{accept: jobs.Limits{Reuse: true}})
	submit := func(tenant identity.TenantID) resource.Multiplication {
		t.Helper()
		a := b.do(t, http.MethodPost, "/v1/multiplications", strings.NewReader(fourTiles),
			append(as(tenant), "Content-Type", jsonType, "Prefer", "wait=60")...).want(t, http.StatusOK)
		return decode[resource.Multiplication](t, a)
	}
	for _, tenant := range []identity.TenantID{alice, bob} {
		if m := submit(tenant); m.Reused || m.Attempts != 4 {
			t.Errorf("the first of tenant %d: %+v, want it computed", tenant, m)
		}
		if m := submit(tenant); !m.Reused {
			t.Errorf("the second of tenant %d: %+v, want it reused", tenant, m)
		}
	}
}

// TestReusedObjects: objects are the same while their ETag is; one with an output is computed, and its result may be
// reused.
func TestReusedObjects(t *testing.T) {
	t.Parallel()
	b, raw, prefix := withObjects(t)
	key := prefix + "/both/a.npy"
	s3server.Put(t, raw, key, randomFile(t, 2600, 2, 1))
	order := fmt.Sprintf(`{"a": %s, "b": {"random": {"rows": 2, "cols": 2100}}}`, objectJSON(key))
	written := withMember(order, `"output": `+objectJSON(prefix+"/both/c.npy"))
	b.complete(t, b.submit(t, written).ID)
	for i, c := range []struct {
		order string
		want  bool
	}{{order, true}, {written, false}} {
		if m := b.submit(t, c.order); m.Reused != c.want {
			t.Errorf("%d: reused %t, want %t", i, m.Reused, c.want)
		}
	}
	s3server.Put(t, raw, key, randomFile(t, 2600, 2, 3))
	if m := b.submit(t, order); m.Reused {
		t.Error("an object that was replaced has the result of before")
	}
}

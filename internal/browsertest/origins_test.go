package browsertest_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// await returns the value of a promise.
func await[T any](b *tab, expression string) T {
	b.t.Helper()
	value, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression, func(p *runtime.EvaluateParams) {
		p.AwaitPromise = new(true)
	}))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return value
}

// withoutPolicies opens a page whose content security policy counts for nothing, as that of a page that its attacker has
// written does.
func (b *tab) withoutPolicies(url string) {
	b.t.Helper()
	if _, err := chromedp.Call(b.ctx, page.SetBypassCSP, page.SetBypassCSPParams{Enabled: true}); err != nil {
		b.t.Fatal(err)
	}
	b.open(url)
}

// attack defines a function that tries whatever a page can send to a server. It returns what it could read, and how
// many requests had a response that the page may know of.
const attack = `window.attack = async (api, id) => {
	const json = '{"a": {"random": {"rows": 1, "cols": 1}}, "b": {"random": {"rows": 1, "cols": 1}}}';
	const file = new Uint8Array([0x93, 78, 85, 77, 80, 89, 1, 0, 118, 0, ...new TextEncoder().encode(
		"{'descr': '<f8', 'fortran_order': False, 'shape': (1, 1), }".padEnd(117) + "\n"), 0, 0, 0, 0, 0, 0, 0, 0]);
	const files = () => {
		const form = new FormData();
		form.append("a", new Blob([file]), "a.npy");
		form.append("b", new Blob([file]), "b.npy");
		return form;
	};
	const of = "/v1/multiplications/" + id;
	const calls = [
		["/v1/multiplications", {method: "POST", body: files()}],
		["/v1/multiplications", {method: "POST", body: json}],
		["/v1/multiplications", {method: "POST", body: json, headers: {"Content-Type": "application/json"}}],
		["/v1/matrices", {method: "POST", body: json}],
		["/v1/matrices", {method: "POST", body: new Blob([file])}],
		["/matrix_multiplication/", {method: "POST", body: '{"A": [[1]], "B": [[1]]}'}],
		[of + "/cancel", {method: "POST"}],
		[of + "/retry", {method: "POST"}],
		[of, {method: "DELETE"}],
		["/riverui/api/jobs/cancel", {method: "POST", body: '{"ids": ["1"]}'}],
		["/riverui/api/queues/tiles/pause", {method: "PUT"}],
		["/riverui/api/queues", {}],
		["/v1/overview", {}],
		["/v1/multiplications", {}],
		[of, {}],
	];
	const result = {read: [], responses: 0};
	for (const [path, init] of calls) {
		for (const mode of ["no-cors", "cors"]) {
			try {
				const response = await fetch(api + path, {...init, mode});
				result.responses++;
				const text = await response.text();
				if (text) result.read.push((init.method ?? "GET") + " " + path + ": " + response.status);
			} catch {}
		}
	}
	navigator.sendBeacon(api + "/v1/multiplications", files());
	for (const enctype of ["text/plain", "multipart/form-data", "application/x-www-form-urlencoded"]) {
		for (const path of ["/v1/multiplications", "/matrix_multiplication/", of + "/cancel"]) {
			const frame = document.createElement("iframe");
			frame.name = "f" + Math.random();
			const form = document.createElement("form");
			Object.assign(form, {method: "post", action: api + path, enctype, target: frame.name});
			const field = document.createElement("input");
			field.name = '{"A": [[1]], "B": [[1]], "x": "';
			field.value = '"}';
			form.append(field);
			document.body.append(frame, form);
			const loaded = new Promise((resolve) => { frame.onload = resolve; });
			form.submit();
			await loaded;
			result.responses++;
			try {
				if (frame.contentDocument.body.innerText) result.read.push(enctype + " " + path);
			} catch {}
		}
	}
	await new Promise((resolve) => {
		const events = new EventSource(api + of + "/events");
		events.onerror = () => { events.close(); resolve(); };
		events.onopen = () => { result.read.push("events"); events.close(); resolve(); };
	});
	return result;
}`

// attackResult is what the attack returns.
type attackResult struct {
	Read      []string
	Responses int
}

// state is what a page of another site must not change.
func (d *deployment) state(id string) string {
	d.t.Helper()
	var multiplications, matrices, jobs, paused int
	err := d.pool.QueryRow(d.t.Context(), `SELECT (SELECT count(*) FROM multiplications) + (SELECT count(*) FROM inline_pending) +
			(SELECT count(*) FROM inline_completed), (SELECT count(*) FROM matrices),
		(SELECT count(*) FROM river_job WHERE state = 'cancelled'),
		(SELECT count(*) FROM river_queue WHERE paused_at IS NOT NULL)`).
		Scan(&multiplications, &matrices, &jobs, &paused)
	if err != nil {
		d.t.Fatal(err)
	}
	return fmt.Sprintf("%d multiplications, %d matrices, %d cancelled jobs, %d paused queues, %s",
		multiplications, matrices, jobs, paused, d.get(id).State)
}

var otherSites = regexp.MustCompile(`millrace_http_refused_total\{reason="other_site"\} (\d+)`)

// refusedSites returns how many requests from pages of other sites the API has refused.
func (d *deployment) refusedSites() int {
	d.t.Helper()
	r, err := http.NewRequestWithContext(d.t.Context(), http.MethodGet, d.api.logged(`ops=(http\S+)`)+"/metrics", nil)
	if err != nil {
		d.t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		d.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	found := otherSites.FindSubmatch(text)
	if found == nil {
		return 0
	}
	n, err := strconv.Atoi(string(found[1]))
	if err != nil {
		d.t.Fatal(err)
	}
	return n
}

// elsewhere serves an empty page, and returns its address with the host name.
func elsewhere(t *testing.T, host string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<!doctype html><title>elsewhere</title><body>"))
	}))
	t.Cleanup(server.Close)
	return strings.Replace(server.URL, "127.0.0.1", host, 1)
}

// TestPagesOfOtherSites: a page of another site cannot submit, cancel, pause, delete or read anything, though the
// browser runs on the machine of the server: neither on another port, nor by another name.
func TestPagesOfOtherSites(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	m := d.submit(random("2600"))
	before := d.state(m.ID)
	b := openWith(t, "MAP * 127.0.0.1", "") // its console is full of refusals
	for _, host := range []string{"127.0.0.1", "localhost", "evil.example"} {
		refused := d.refusedSites()
		page := elsewhere(t, host)
		b.open(page)
		b.run(chromedp.Evaluate[chromedp.Void](attack))
		got := await[attackResult](b, fmt.Sprintf("attack(%q, %q)", d.url, m.ID))
		if len(got.Read) > 0 {
			t.Errorf("%s: it could read %v, want nothing", page, got.Read)
		}
		// Whether the requests arrive is not seen in the page: responses are for pages of their own origin only.
		if refused = d.refusedSites() - refused; refused < 20 {
			t.Errorf("%s: %d requests were refused, want at least 20: all that change something", page, refused)
		}
		if after := d.state(m.ID); after != before {
			t.Errorf("%s: after the attack: %s, want as before: %s", page, after, before)
		}
	}
	// A page of the server itself can: what is above is a test.
	b.withoutPolicies(d.url + "/v1/overview")
	b.run(chromedp.Evaluate[chromedp.Void](attack))
	got := await[attackResult](b, fmt.Sprintf("attack(%q, %q)", d.url, m.ID))
	if len(got.Read) < 15 || d.state(m.ID) == before {
		t.Errorf("the server's own page could read %v, and left %s, want it to read and to change", got.Read, d.state(m.ID))
	}
}

// TestReboundNames: a page whose name was made to resolve to this machine has the origin of its requests. They are
// refused by that name.
func TestReboundNames(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	m := d.submit(random("2600"))
	before := d.state(m.ID)
	address, err := url.Parse(d.url)
	if err != nil {
		t.Fatal(err)
	}
	rebound := "http://evil.example:" + address.Port()
	b := openWith(t, "MAP * 127.0.0.1", "")
	b.withoutPolicies(rebound + "/")
	if text := b.text("body"); !strings.Contains(text, "this address is for localhost only") {
		t.Errorf("the page is %.300q, want a refusal", text)
	}
	b.run(chromedp.Evaluate[chromedp.Void](attack))
	got := await[attackResult](b, fmt.Sprintf("attack(%q, %q)", rebound, m.ID))
	others := slices.DeleteFunc(got.Read, func(read string) bool {
		return strings.HasSuffix(read, ": 421") || !strings.Contains(read, ": ") // a frame shows its refusal
	})
	if len(others) > 0 || got.Responses < 15 || slices.Contains(got.Read, "events") {
		t.Errorf("%d responses, not refused by the name: %v, want at least 15 and none", got.Responses, others)
	}
	if after := d.state(m.ID); after != before {
		t.Errorf("after the attack: %s, want as before: %s", after, before)
	}
}

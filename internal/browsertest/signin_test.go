package browsertest_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/millrace/millrace/internal/reexec"
)

// key makes a key on the command line.
func (d *deployment) key(scopes string) string {
	d.t.Helper()
	cmd := reexec.Command(d.t, d.env, "keys", "create", "--name=browser", "--scopes="+scopes)
	out, err := cmd.Output()
	if err != nil {
		d.t.Fatalf("keys create: %v", err)
	}
	return strings.TrimSpace(string(out))
}

// deployLocked starts an API that needs keys, and returns one.
func deployLocked(t *testing.T, scopes string) (*deployment, string) {
	t.Helper()
	d := prepare(t)
	key := d.key(scopes)
	d.serve("--auth")
	return d, key
}

// signIn types a key into the page that the browser shows.
func (b *tab) signIn(key string) {
	b.t.Helper()
	b.sees(`document.querySelector("#signin button:not([disabled])")`)
	evaluate[string](b, `document.getElementById("key").value = ""`)
	b.run(chromedp.SendKeys(`#signin input`, key+kb.Enter))
}

// TestSignIn: a browser that opens a page without a session signs in with a key and is back on the page; the docs page, the
// start page, River UI and a stream of events work with the session, until it ends.
func TestSignIn(t *testing.T) {
	t.Parallel()
	d, admin := deployLocked(t, "admin")
	b := open(t, riverUIMessage, "Failed to load resource")
	b.open(d.url + "/riverui/jobs?limit=20")
	b.sees(`location.pathname === "/signin/"`)
	b.signIn("mr_wrong")
	b.sees(`document.getElementById("refused").innerText === "That key is not accepted: the token is not valid."`)
	b.signIn(admin)
	b.sees(`location.pathname === "/riverui/jobs" && document.body.innerText.includes("Jobs")`)

	if cookies := evaluate[string](b, `document.cookie`); cookies != "" {
		t.Errorf("scripts see the cookies %q, want none", cookies)
	}
	b.open(d.url + "/docs")
	b.beginTryItOut("/v1/multiplications")
	b.execute("/v1/multiplications")

	b.open(d.url)
	b.sees(`document.getElementById("who").innerText === "browser, default"`)
	b.run(chromedp.SetValue("#size", "3000"), chromedp.Click("#submit button"))
	b.sees(`document.getElementById("submitted").innerText.startsWith("Submitted as ")`)
	id := strings.Trim(strings.TrimPrefix(b.text("#submitted"), "Submitted as "), ".")
	first := await[string](b, fmt.Sprintf(`new Promise((resolve) => {
		const events = new EventSource("v1/multiplications/%s/events");
		events.addEventListener("state", (e) => { events.close(); resolve(JSON.parse(e.data).state); });
		events.onerror = () => resolve("an error");
	})`, id))
	if first != "pending" {
		t.Errorf("the first event is %q, want pending", first)
	}
	b.open(d.url + "/multiplications/" + id)
	b.click("#cancel")
	b.sees(`document.getElementById("state").innerText === "cancelled"`)
	b.open(d.url)
	b.click("#sign-out")
	b.sees(`location.pathname === "/signin/"`)
	b.open(d.url + "/multiplications/" + id)
	b.sees(`location.pathname === "/signin/" && location.search.startsWith("?next=multiplications%2F")`)
}

// TestSignInBehindProxy: the same below the path of a proxy, and with a key that is not for all: what it is not for is
// refused, and leads nowhere else.
func TestSignInBehindProxy(t *testing.T) {
	t.Parallel()
	d, read := deployLocked(t, "read")
	b := open(t, "Failed to load resource")
	for _, names := range []bool{false, true} {
		proxy := below(t, "/tools/millrace", d.url, names)
		b.open(proxy + "/riverui/jobs")
		b.sees(`location.pathname === "/tools/millrace/signin/" && location.search === "?next=riverui%2Fjobs"`)
		b.open(proxy + "/")
		b.sees(`location.pathname === "/tools/millrace/signin/" && location.search === ""`)
		b.signIn(read)
		b.sees(`location.pathname === "/tools/millrace/" && !document.getElementById("session").hidden`)
		b.open(proxy + "/riverui/jobs")
		b.sees(`document.body.innerText.includes("this needs a key with the scope admin")`)
		b.open(proxy + "/")
		b.click("#submit button")
		b.sees(`document.getElementById("refused").innerText === "The API returned 403: this needs a key with the scope submit"`)
		for _, elsewhere := range []string{"//other.example/", "https://other.example/", "javascript:alert(1)", "/else/"} {
			b.open(proxy + "/signin/?next=" + elsewhere)
			b.sees(`location.pathname === "/tools/millrace/"`)
		}
		b.click("#sign-out")
		b.sees(`location.pathname === "/tools/millrace/signin/"`)
	}
	for _, path := range []string{"/riverui/", "/v1/keys"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+read)
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusForbidden {
			t.Errorf("GET %s with a key for reading = %s, want 403", path, response.Status)
		}
	}
}

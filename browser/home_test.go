package browser_test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// below serves a site below a path, as a proxy may.
func below(t *testing.T, path, site string) string {
	t.Helper()
	target, err := url.Parse(site)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.StripPrefix(path, httputil.NewSingleHostReverseProxy(target)))
	t.Cleanup(server.Close)
	return server.URL + path
}

// The start page follows a product from the queue to its end without being loaded again.
func TestHomeFollowsAProduct(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	b := open(t)
	b.open(d.url)
	b.sees(`!document.getElementById("none").hidden && !document.getElementById("no-workers").hidden`)
	p := d.submit(random("2600"))
	item := `document.querySelector('li.multiplication[data-id="` + p.ID + `"]')`
	b.sees(item + `?.classList.contains("pending")`)
	b.sees(`document.querySelector("#queues tr:last-child td").innerText === "4"`)
	d.work()
	b.sees(item + `.classList.contains("completed") && ` + item + `.querySelector("progress").value === 1`)
	b.sees(`document.getElementById("workers").innerText === "1" && document.getElementById("no-workers").hidden`)
	for class, want := range map[string]string{
		"self": "/v1/multiplications/" + p.ID, "result": "/v1/multiplications/" + p.ID + "/result", "jobs": d.get(p.ID).Links.Jobs,
	} {
		if got := evaluate[string](b, item+`.querySelector(".`+class+`").href`); got != d.url+want {
			t.Errorf("%s leads to %s", class, got)
		}
	}
}

// Somebody who is new here sees it work: from the keyboard alone.
func TestHomeSubmits(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	d.work()
	b := open(t)
	b.open(d.url)
	b.sees(`document.getElementById("workers").innerText === "1"`)
	b.run(chromedp.Focus("#size"), chromedp.SetValue("#size", ""), chromedp.SendKeys("#size", "700"+kb.Enter))
	b.sees(`document.querySelector("li.multiplication.completed .shape")?.innerText === "700×700 times 700×700"`)
	if status := b.text("#submitted"); !strings.HasPrefix(status, "Submitted as ") {
		t.Errorf("it says %q", status)
	}
}

// What the API refuses is said, and so is that it is not there; when it is back all is well again.
func TestHomeShowsErrors(t *testing.T) {
	t.Parallel()
	d := deploy(t, "--max-matrix-bytes=1000000")
	b := open(t, "Failed to load resource")
	b.open(d.url)
	b.sees(`document.getElementById("version").innerText !== ""`)
	b.click("#submit button")
	b.sees(`document.getElementById("refused").innerText.startsWith("The API returned 413: the product: matrix too large")`)
	if n := len(evaluate[string](b, `document.getElementById("submitted").innerText`)); n != 0 {
		t.Error("it says that it has submitted something")
	}
	d.api.stop()
	b.sees(`document.getElementById("trouble").innerText === "The API cannot be reached."`)
	d.serve("--addr=" + strings.TrimPrefix(d.url, "http://"))
	b.sees(`document.getElementById("trouble").hidden`)
}

// On a telephone nothing is cut off.
func TestHomeIsNarrow(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	d.submit(random("12345"))
	b := open(t)
	for _, width := range []int64{360, 1400} {
		b.run(chromedp.EmulateViewport(width, 800))
		b.open(d.url)
		b.sees(`document.querySelector("li.multiplication")`)
		if over := evaluate[int](b, `document.documentElement.scrollWidth - innerWidth`); over > 0 {
			t.Errorf("at %d pixels it is %d too wide", width, over)
		}
	}
}

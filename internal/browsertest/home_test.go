package browsertest_test

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

// below serves a site below a path, through a proxy. The proxy tells the site that path if names is set.
func below(t *testing.T, path, site string, names bool) string {
	t.Helper()
	target, err := url.Parse(site)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host
		if names {
			r.Out.Header.Set("X-Forwarded-Prefix", path)
		}
	}}
	server := httptest.NewServer(http.StripPrefix(path, proxy))
	t.Cleanup(server.Close)
	return server.URL + path
}

// TestHomeShowsProgress: the start page shows every state of a multiplication without being loaded again.
func TestHomeShowsProgress(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	b := open(t)
	b.open(d.url)
	b.sees(`!document.getElementById("none").hidden && !document.getElementById("no-workers").hidden`)
	m := d.submit(random("2600"))
	item := `document.querySelector('li.multiplication[data-id="` + m.ID + `"]')`
	b.sees(item + `?.classList.contains("pending")`)
	b.sees(`document.querySelector("#queues tr:last-child td").innerText === "4"`)
	b.sees(`document.getElementById("river-ui").href === "` + d.url + `/riverui/jobs?state=available"`)
	d.work()
	b.sees(item + `.classList.contains("completed") && ` + item + `.querySelector("progress").value === 1`)
	b.sees(`document.getElementById("workers").innerText === "1" && document.getElementById("no-workers").hidden`)
	for class, want := range map[string]string{
		"page":   "/multiplications/" + m.ID,
		"result": "/v1/multiplications/" + m.ID + "/result",
		"jobs":   d.get(m.ID).Links.Jobs,
	} {
		if got := evaluate[string](b, item+`.querySelector(".`+class+`").href`); got != d.url+want {
			t.Errorf("the link %s leads to %s, want %s", class, got, d.url+want)
		}
	}
}

// TestHomeSubmits: the form of the start page works with the keyboard alone.
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
		t.Errorf("the status is %q, want it to begin with %q", status, "Submitted as ")
	}
}

// TestHomeShowsErrors: the start page shows that the API refuses a submission or is unavailable, and recovers when
// the API is back.
func TestHomeShowsErrors(t *testing.T) {
	t.Parallel()
	d := deploy(t, "--max-matrix-bytes=1000000")
	b := open(t, "Failed to load resource")
	b.open(d.url)
	b.sees(`document.getElementById("version").innerText !== ""`)
	b.click("#submit button")
	b.sees(`document.getElementById("refused").innerText.startsWith("The API returned 413: a.random: matrix too large")`)
	if got := evaluate[string](b, `document.getElementById("submitted").innerText`); got != "" {
		t.Errorf("the status of a refused submission is %q, want none", got)
	}
	d.api.stop()
	b.sees(`document.getElementById("trouble").innerText.startsWith("The API cannot be reached. What is shown is of ")`)
	b.sees(`document.body.classList.contains("stale")`)
	d.serve("--addr=" + strings.TrimPrefix(d.url, "http://"))
	b.sees(`document.getElementById("trouble").hidden && !document.body.classList.contains("stale")`)
}

// TestHomeIsNarrow: the start page fits the window of a telephone.
func TestHomeIsNarrow(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	d.submit(random("12345"))
	b := open(t)
	for _, width := range []int64{360, 390, 1400} {
		b.run(chromedp.EmulateViewport(width, 800))
		b.open(d.url)
		b.sees(`document.querySelector("li.multiplication")`)
		if over := evaluate[int](b, `document.documentElement.scrollWidth - innerWidth`); over > 0 {
			t.Errorf("in a window %d pixels wide, the page is %d pixels wider, want 0", width, over)
		}
	}
}

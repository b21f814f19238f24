package browsertest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// operation is the selector of the block of a POST on the docs page.
func operation(path string) string { return fmt.Sprintf(`.opblock-post:has([data-path="%s"])`, path) }

// beginTryItOut opens an operation and its editor.
func (b *tab) beginTryItOut(path string) {
	b.t.Helper()
	b.click(operation(path) + " .opblock-summary-control")
	b.sees(`location.hash.length > 2`) // a deep link to the operation
	b.click(operation(path) + " .try-out__btn")
}

// execute submits what the editor holds and returns the body of the response.
func (b *tab) execute(path string) string {
	b.t.Helper()
	response := operation(path) + " .live-responses-table .response "
	b.click(operation(path) + " .execute")
	b.sees(fmt.Sprintf(`/^20[02]/.test(document.querySelector('%s')?.innerText)`, response+".response-col_status"))
	code := response + ".response-col_description :is(code, pre)"
	return evaluate[string](b, fmt.Sprintf(`document.querySelector('%s').innerText`, code))
}

// TestDocs: the docs page submits a real multiplication, without a request to another host.
func TestDocs(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	d.work()
	b := open(t)
	b.open(d.url + "/docs")
	for _, path := range []string{"/v1/multiplications", "/matrix_multiplication/"} {
		b.beginTryItOut(path)
		response := b.execute(path)
		var m multiplication
		if err := json.Unmarshal([]byte(response), &m); err != nil {
			t.Fatalf("%v: %s", err, response)
		}
		m = d.reaches(m.ID, "completed")
		var result struct{ Values [][]float64 }
		d.do(http.MethodGet, m.Result.Href, "", nil, &result)
		if got, want := fmt.Sprint(result.Values), "[[19 22] [43 50]]"; got != want {
			t.Errorf("%s: the result is %s, want %s", path, got, want)
		}
	}
}

// TestDocsShowLargeResults: a result of 1,000×1,000 elements does not stop the docs page: it asks for a small window as
// .npy unless told otherwise, and shows the beginning of what is long. What newcomers need is first, errors are folded up.
func TestDocsShowLargeResults(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	d.work()
	m := d.reaches(d.submit(random("1000")).ID, "completed")
	b := open(t)
	b.open(d.url + "/docs/#/multiplications/get-result")
	block := "#operations-multiplications-get-result "
	b.click(block + ".try-out__btn")
	b.run(chromedp.SendKeys(block+`[data-param-name="id"] input`, m.ID))
	b.click(block + ".execute")
	b.sees(`document.querySelector("` + block + `.request-url")?.innerText.includes("/result?rows=0%3A8&cols=0%3A8")`)
	b.sees(`/^200/.test(document.querySelector("` + block + `.live-responses-table .response .response-col_status")?.innerText)`)
	for _, name := range []string{"rows", "cols"} {
		input := block + `[data-param-name="` + name + `"] input`
		b.run(chromedp.Focus(input), chromedp.SendKeys(input, kb.End+kb.Backspace+kb.Backspace+kb.Backspace))
	}
	b.run(chromedp.Evaluate[chromedp.Void](`const type = document.querySelector("` + block + `.content-type-wrapper select, ` + block + `select.content-type");
		Object.getOwnPropertyDescriptor(HTMLSelectElement.prototype, "value").set.call(type, "application/json");
		type.dispatchEvent(new Event("change", {bubbles: true}))`))
	b.click(block + ".execute")
	began := time.Now()
	b.sees(`document.querySelector("` + block + `.live-responses-table")?.innerText.includes("the first 64 KiB")`)
	t.Logf("a result of 1,000×1,000 as JSON is shown after %v", time.Since(began))
	introduction := evaluate[string](b, `document.querySelector(".info").innerText`)
	if !strings.Contains(introduction, d.url+"/v1/multiplications -F") || strings.Contains(introduction, "ECMAScript") {
		t.Errorf("the introduction is %q, want examples for %s, and its later sections folded up", introduction, d.url)
	}
	if first := b.text(".opblock-summary"); !strings.Contains(first, "/v1/multiplications") {
		t.Errorf("the first operation is %q, want that which submits a multiplication", first)
	}
	b.sees(`document.querySelectorAll("` + block + `.folded").length >= 4`)
	if samples := evaluate[string](b, `document.querySelector("`+block+`.samples").textContent`); !strings.Contains(samples, "curl -s '"+d.url) ||
		!strings.Contains(samples, "urllib.request") || !strings.Contains(samples, "http.NewRequest") {
		t.Errorf("the samples are %q, want them in three languages, for %s", samples, d.url)
	}
}

// TestDocsBehindProxy: a deep link opens its operation, also below the path of a proxy and under another host name,
// whether or not the proxy tells that path.
func TestDocsBehindProxy(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	b := open(t)
	for i, names := range []bool{false, true} {
		proxy := below(t, "/tools/millrace", d.url, names)
		b.open(proxy + "/docs/#/multiplications/submit-multiplication")
		b.sees(`document.querySelector('.opblock.is-open [data-path="/v1/multiplications"]')`)
		b.click(".opblock.is-open .try-out__btn")
		b.click(".opblock.is-open .execute")
		b.sees(`document.querySelector('.request-url')?.innerText.includes("` + proxy + `/v1/multiplications")`)
		b.sees(`/^202/.test(document.querySelector('.live-responses-table .response .response-col_status')?.innerText)`)
		b.open(proxy + "/")
		b.sees(fmt.Sprintf(`document.querySelectorAll("li.multiplication").length === %d`, i+1))
		b.sees(`document.querySelector("#river-ui[href]") !== null`) // it comes with the overview
		links := evaluate[[]string](b, `[...document.querySelectorAll("header a[href], .what a[href], .links a[href]")].map(a => a.href)`)
		if len(links) < 5 {
			t.Errorf("the links are %v, want at least 5", links)
		}
		for _, link := range links {
			if !strings.HasPrefix(link, proxy+"/") && !strings.HasSuffix(link, "/metrics") {
				t.Errorf("a link is %s, want it below %s", link, proxy)
			}
		}
	}
}

package browsertest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
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
	code := response + ".response-col_description code"
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
		links := evaluate[[]string](b, `[...document.querySelectorAll("header a[href], .links a[href]")].map(a => a.href)`)
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

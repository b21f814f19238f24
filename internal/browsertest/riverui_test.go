package browsertest_test

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/npy"
)

// riverUIMessage is an expected message of River UI: its validation of URLs tries to compile code, and works without if
// the policy forbids that.
const riverUIMessage = "policy: script-src kEvalViolation"

// onesFile returns a .npy file of n×n ones, which for n = 200 is large enough for the block store.
func onesFile(t *testing.T, n int64) []byte {
	t.Helper()
	ones := make([]float64, n*n)
	for i := range ones {
		ones[i] = 1
	}
	var file bytes.Buffer
	file.Write(npy.AppendHeader(nil, matrix.Shape{
		Rows:  n,
		Cols:  n,
		DType: matrix.Float64,
	}))
	file.Write(matrix.AsBytes(ones))
	return file.Bytes()
}

// lose moves the blocks of a matrix to another directory and returns a function that puts them back.
func (d *deployment) lose(id string) (putBack func()) {
	d.t.Helper()
	hex := func(path string) string { return strings.ReplaceAll(path, "-", "") }
	var dir string
	err := filepath.WalkDir(d.blocks, func(path string, entry os.DirEntry, err error) error {
		if err == nil && entry.IsDir() && strings.Contains(hex(path), hex(id)) {
			dir = path
		}
		return err
	})
	if err != nil || dir == "" {
		d.t.Fatalf("there are no blocks of %s in %s: %v", id, d.blocks, err)
	}
	aside := filepath.Join(d.t.TempDir(), "aside")
	move := func(from, to string) {
		d.t.Helper()
		if err := os.Rename(from, to); err != nil {
			d.t.Fatal(err)
		}
	}
	move(dir, aside)
	return func() {
		d.t.Helper()
		move(aside, dir)
	}
}

// submitDoomed submits a multiplication whose only tile must fail: the blocks of its operand are missing, and one
// attempt is left.
func (d *deployment) submitDoomed() (m multiplication, putBack func()) {
	d.t.Helper()
	var operand struct{ ID string }
	d.do(http.MethodPost, "/v1/matrices", "application/x-npy", onesFile(d.t, 200), &operand)
	putBack = d.lose(operand.ID)
	m = d.submit(`{"a": {"matrix_id": "` + operand.ID + `"}, "b": {"matrix_id": "` + operand.ID + `"}}`)
	const lastAttempt = `UPDATE river_job SET attempt = max_attempts - 1
		WHERE args->>'multiplication_id' = $1 AND state <> 'running'`
	until(d.t, "its only tile waits", func() bool { return d.exec(lastAttempt, m.ID) == 1 })
	return m, putBack
}

// TestRiverUIRetries: River UI opens on a list with jobs, here of one that has failed, whose button Retry makes the
// multiplication complete. The bar leads to the multiplication and to the start page, and says when the server is lost.
func TestRiverUIRetries(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	m, putBack := d.submitDoomed()
	d.work()
	m = d.reaches(m.ID, "failed")
	b := open(t, riverUIMessage, "Failed to load resource", "Failed to fetch")
	discarded := func() bool {
		return evaluate[string](b, `location.pathname + location.search`) == "/riverui/jobs?state=discarded"
	}
	until(t, "it opens on the jobs that have failed, unless the sweep runs just then", func() bool {
		b.open(d.url + "/riverui")
		return discarded()
	})
	job := `#root a[href*="` + m.Links.Jobs + `"]`
	b.sees(`document.querySelector('` + job + `')`)
	until(t, "its own link opens the same list", func() bool {
		b.click(`#root a[href$="/riverui/queues"] svg`)
		b.sees(`location.pathname === "/riverui/queues" && document.getElementById("millrace-multiplication").hidden`)
		b.click(`#root a[href$="/riverui/jobs"] svg`)
		b.sees(`location.pathname === "/riverui/jobs" && document.querySelector("#root a[href*='/jobs?state=']")`)
		return discarded()
	})
	b.click(job)
	b.sees(`document.body.innerText.includes("block missing")`)
	b.belowBar()
	page := evaluate[string](b, `location.pathname`)
	putBack()
	b.click(`//button[contains(., "Retry")]`)
	d.reaches(m.ID, "completed")
	b.sees(`document.getElementById("root").innerText.includes("Completed")`)
	b.tabTo("#millrace-multiplication")
	b.presses(kb.Enter)
	b.sees(`location.href === "` + d.url + "/multiplications/" + m.ID + `" && document.getElementById("state").innerText === "completed"`)
	b.open(d.url + page)
	if got := evaluate[string](b, `document.getElementById("millrace-start").href`); got != d.url+"/" {
		t.Errorf("the bar leads to %s, want %s/", got, d.url)
	}
	b.tabTo("#millrace-start")
	b.presses(kb.Enter)
	b.sees(`location.href === "` + d.url + `/" && document.getElementById("size") !== null`)
	b.open(d.url + "/riverui/queues")
	b.sees(`document.getElementById("root").innerText.includes("tiles")`) // it is loaded, and asks again and again
	d.api.stop()
	b.sees(`document.getElementById("millrace-lost").innerText.startsWith("The server cannot be reached.")`)
}

// belowBar fails the test if anything of River UI stays where the bar is.
func (b *tab) belowBar() {
	b.t.Helper()
	covered := evaluate[[]string](b, `[...document.querySelectorAll("#root *")].filter(e => {
		const stays = ["fixed", "sticky"].includes(getComputedStyle(e).position) && e.checkVisibility();
		return stays && e.getBoundingClientRect().top < document.getElementById("millrace").getBoundingClientRect().bottom - 1 &&
			getComputedStyle(e).pointerEvents !== "none";
	}).map(e => e.className)`)
	if len(covered) > 0 || !evaluate[bool](b, `document.elementFromPoint(innerWidth / 2, 5).closest("#millrace") !== null`) {
		b.t.Errorf("the bar and these parts of River UI cover each other: %q", covered)
	}
}

// TestRiverUIListsJobs: the link of a multiplication leads to a list of its jobs only.
func TestRiverUIListsJobs(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	d.submit(random("2600"))
	m := d.submit(random("2700"))
	b := open(t, riverUIMessage)
	b.open(d.url)
	b.click(`li.multiplication[data-id="` + m.ID + `"] .jobs`)
	b.sees(`document.querySelectorAll('[href*="/riverui/jobs/"]').length >= 4`)
	text := b.text("body")
	own := strings.Count(text, m.ID+`","tile"`)
	all := strings.Count(text, `"tile"`)
	if own != 4 || all != 4 {
		t.Errorf("the list has %d tiles, %d of them of the multiplication, want 4 and 4: %s", all, own, text)
	}
}

// TestRiverUIBehindProxy: below the path of a proxy that tells it, a click on the start page leads to the jobs in River
// UI, whose pages load and whose links stay below that path, as those of the bar do. Where the proxy does not tell its
// path, the page says so.
func TestRiverUIBehindProxy(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	m := d.submit(random("2700"))
	proxy := below(t, "/tools/millrace", d.url, true)
	b := open(t, riverUIMessage, "Refused to apply style from", "Failed to load resource")
	b.open(proxy + "/")
	b.click(`li.multiplication[data-id="` + m.ID + `"] .jobs`)
	b.sees(`document.querySelectorAll('[href*="/riverui/jobs/"]').length >= 4`)
	links := evaluate[[]string](b, `[...document.querySelectorAll("#root a[href]")].map(a => a.href)`)
	for _, link := range links {
		if !strings.HasPrefix(link, proxy+"/riverui") {
			t.Errorf("a link is %s, want it below %s/riverui", link, proxy)
		}
	}
	b.sees(`document.getElementById("millrace-start").href === "` + proxy + `/"`)
	b.sees(`document.getElementById("millrace-multiplication").href === "` + proxy + `/multiplications/` + m.ID + `"`)
	b.open(proxy + "/riverui")
	b.sees(`location.href === "` + proxy + `/riverui/jobs?state=available" && document.querySelector('[href*="/riverui/queues"]')`)
	b.open(below(t, "/tools/millrace", d.url, false) + "/riverui/jobs/17")
	b.sees(`document.getElementById("millrace-path").innerText.includes("X-Forwarded-Prefix: /tools/millrace with")`)
}

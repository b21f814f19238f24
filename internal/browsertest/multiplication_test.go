package browsertest_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestMultiplicationPage: the page of a multiplication shows what it waits for, its tiles, its result and its errors, and
// its buttons cancel, retry and delete. It needs a session if keys are needed.
func TestMultiplicationPage(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	m := d.submit(random("2600"))
	b := open(t, "Failed to load resource")
	b.open(d.url)
	b.click(`li.multiplication[data-id="` + m.ID + `"] .page`)
	b.sees(`document.getElementById("state").innerText === "pending" && document.getElementById("id").innerText === "` + m.ID + `"`)
	b.sees(`document.getElementById("reasons").innerText.includes("No worker is running")`)
	b.sees(`document.getElementById("legend").innerText === "4 waiting"`)
	b.sees(`document.getElementById("places").innerText.startsWith("2×2 tiles, each at its place")`)
	d.exec(`UPDATE river_job SET state = 'retryable', scheduled_at = now() + interval '1 hour',
			errors = ARRAY['{"at": "2026-01-05T09:30:00Z", "attempt": 1, "error": "too bad", "trace": ""}'::jsonb]
		WHERE args->>'multiplication_id' = $1 AND args->>'tile' = '2'`, m.ID)
	b.sees(isTile("retrying", 1, 0) + "&&" + isTile("waiting", 0, 1) + "&&" + isTile("waiting", 1, 1))
	b.tabTo("#cancel")
	b.presses(kb.Enter)
	b.sees(`document.getElementById("said").textContent === "The multiplication is cancelled."`)
	b.sees(`document.getElementById("cancel").hidden && !document.getElementById("waiting").checkVisibility()`)
	d.work()
	b.tabTo("#retry")
	b.presses(" ")
	b.sees(`document.getElementById("state").innerText === "completed" && document.getElementById("legend").innerText === "4 completed"`)
	b.sees(isTile("completed", 0, 0) + "&&" + isTile("completed", 1, 0))
	b.sees(`document.querySelectorAll("#corner tr").length === 8 && document.querySelectorAll("#corner tr:first-child td").length === 9`)
	b.tabTo("#draw")
	b.presses(kb.Enter)
	b.sees(`/64 of 2,600 rows. From .* to /.test(document.getElementById("heat-text").innerText)`)
	for _, language := range []string{"Python", "CLI", "cURL"} {
		b.click(`//button[text()="` + language + `"]`)
		if sample := b.text("#sample"); !strings.Contains(sample, m.ID) || !strings.Contains(sample, d.url) {
			t.Errorf("the sample in %s is %q, want one with the id and %s", language, sample, d.url)
		}
	}
	b.run(chromedp.EmulateViewport(390, 800))
	if over := evaluate[int](b, `document.documentElement.scrollWidth - innerWidth`); over > 0 {
		t.Errorf("the page is %d pixels wider than a window of 390, want 0", over)
	}
	b.run(chromedp.EmulateViewport(1280, 800))
	b.tabTo("#delete")
	b.presses(kb.Enter)
	b.sees(`document.activeElement.innerText === "Keep"`) // what Enter must not do by mistake is not in focus
	b.presses(kb.Escape)
	b.sees(`!document.getElementById("confirm").open && document.activeElement.id === "delete"`)
	b.presses(kb.Enter)
	b.tabTo("#confirm-delete")
	b.presses(kb.Enter)
	b.sees(`location.pathname === "/" && !document.getElementById("none").hidden`)
	b.open(d.url + "/multiplications/" + m.ID)
	b.sees(`document.getElementById("trouble").innerText.startsWith("There is no such multiplication")`)

	failed, _ := d.submitDoomed()
	d.reaches(failed.ID, "failed")
	b.open(d.url + "/multiplications/" + failed.ID)
	b.sees(`/block missing\t×\d+\t0\t/.test(document.getElementById("errors").innerText)`)
	b.open(d.url)
	b.sees(`document.getElementById("failed").innerText === "1"`)
	b.click("#failed")
	b.sees(`document.querySelectorAll("li.multiplication.failed").length === 1 && location.search === "?state=failed"`)
	b.run(chromedp.SetValue("#filter", "pending"))
	evaluate[bool](b, `document.getElementById("filter").dispatchEvent(new Event("change"))`)
	b.sees(`document.getElementById("none").innerText === "None is pending."`)
	b.upload(t)
}

// isTile is the condition that a tile of two by two is drawn at its place in the colour of a state.
func isTile(state string, row, col int) string {
	return fmt.Sprintf(`(() => {
		const grid = document.getElementById("grid"), at = (i, size) => (i + 0.4) * size / 2;
		const { data } = grid.getContext("2d").getImageData(at(%d, grid.width), at(%d, grid.height), 1, 1);
		const drawn = "#" + [...data].slice(0, 3).map((v) => v.toString(16).padStart(2, "0")).join("");
		return getComputedStyle(grid).getPropertyValue("--tile-%s").trim() === drawn;
	})()`, col, row, state)
}

// upload submits two files on the start page, and goes through its pages.
func (b *tab) upload(t *testing.T) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "A.npy")
	if err := os.WriteFile(file, onesFile(t, 3), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"file-a", "file-b"} {
		b.run(chromedp.SetUploadFiles("#"+id, []string{file}))
	}
	evaluate[bool](b, `document.getElementById("filter").value = "", document.getElementById("filter").dispatchEvent(new Event("change"))`)
	for range 10 {
		b.sees(`!document.querySelector("#upload button").disabled`)
		b.click("#upload button")
		b.sees(`document.getElementById("submitted").innerText.startsWith("Submitted as ")`)
	}
	b.sees(`document.querySelectorAll("li.completed").length === 10`)
	b.click("#older")
	b.sees(`document.getElementById("page").innerText === "Page 2" && document.querySelectorAll("li.multiplication").length === 1`)
	b.click("#newest")
	b.sees(`document.getElementById("page").innerText === ""`)
	b.click("#submitted a")
	b.sees(`document.getElementById("corner").innerText.trim() === "3\t3\t3\n3\t3\t3\n3\t3\t3"`)
	b.sees(`/Each cell is an element. From 3 .* to 3 /.test(document.getElementById("heat-text").innerText)`)
}

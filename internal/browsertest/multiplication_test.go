package browsertest_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
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
	b.click("#cancel")
	b.sees(`document.getElementById("said").textContent === "The multiplication is cancelled."`)
	b.sees(`document.getElementById("cancel").hidden && !document.getElementById("waiting").checkVisibility()`)
	d.work()
	b.click("#retry")
	b.sees(`document.getElementById("state").innerText === "completed" && document.getElementById("legend").innerText === "4 completed"`)
	b.sees(`document.querySelectorAll("#corner tr").length === 8 && document.querySelectorAll("#corner tr:first-child td").length === 9`)
	b.click("#draw")
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
	b.click("#delete")
	b.click("#confirm-delete")
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

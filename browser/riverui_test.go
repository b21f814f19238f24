package browser_test

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/millrace/millrace/matrix"
)

// riverUISays is what River UI is known to say: its validation of URLs asks whether it may compile code, and does without when
// it may not.
const riverUISays = "policy: script-src kEvalViolation"

// npy is a .npy file of ones, large enough to be in the block store.
func npy(t *testing.T, n int64) []byte {
	t.Helper()
	ones := make([]float64, n*n)
	for i := range ones {
		ones[i] = 1
	}
	var file bytes.Buffer
	file.Write(matrix.AppendNPYHeader(nil, matrix.Shape{Rows: n, Cols: n, DType: matrix.Float64}))
	file.Write(matrix.AsBytes(ones))
	return file.Bytes()
}

// lose moves the blocks of a matrix away and returns a function that puts them back.
func (d *deployment) lose(id string) (putBack func()) {
	d.t.Helper()
	var dir string
	err := filepath.WalkDir(d.blocks, func(path string, entry os.DirEntry, err error) error {
		if err == nil && entry.IsDir() && strings.Contains(strings.ReplaceAll(path, "-", ""), strings.ReplaceAll(id, "-", "")) {
			dir = path
		}
		return err
	})
	if err != nil || dir == "" {
		d.t.Fatalf("there are no blocks of %s in %s: %v", id, d.blocks, err)
	}
	away := filepath.Join(d.t.TempDir(), "away")
	move := func(from, to string) {
		d.t.Helper()
		if err := os.Rename(from, to); err != nil {
			d.t.Fatal(err)
		}
	}
	move(dir, away)
	return func() { d.t.Helper(); move(away, dir) }
}

// submitDoomed submits a product whose only tile will fail: an operand's blocks are lost, and there is one attempt left.
func (d *deployment) submitDoomed() (p product, putBack func()) {
	d.t.Helper()
	var m struct{ ID string }
	d.do(http.MethodPost, "/v1/matrices", "application/x-npy", npy(d.t, 200), &m)
	putBack = d.lose(m.ID)
	p = d.submit(`{"a": {"matrix_id": "` + m.ID + `"}, "b": {"matrix_id": "` + m.ID + `"}}`)
	const lastAttempt = "UPDATE river_job SET attempt = max_attempts - 1 WHERE args->>'multiplication_id' = $1 AND state <> 'running'"
	until(d.t, "its only tile waits", func() bool { return d.exec(lastAttempt, p.ID) == 1 })
	return p, putBack
}

// River UI shows a job that has failed, and a click on Retry brings back its product.
func TestRiverUIRetries(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	p, putBack := d.submitDoomed()
	d.work()
	p = d.ends(p.ID, "failed")
	b := open(t, riverUISays)
	b.open(d.url + "/riverui")
	b.open(d.url + "/riverui/jobs?state=discarded&tags=" + p.ID)
	job := `a[href*="` + p.Links.Jobs + `"]`
	b.click(job)
	b.sees(`document.body.innerText.includes("block missing")`)
	putBack()
	b.click(`//button[contains(., "Retry")]`)
	d.ends(p.ID, "completed")
	b.sees(`document.body.innerText.includes("Completed")`)
}

// The link from a product leads to its jobs, and to no others.
func TestRiverUIListsAProduct(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	d.submit(random("2600"))
	p := d.submit(random("2700"))
	b := open(t, riverUISays)
	b.open(d.url)
	b.click(`li.multiplication[data-id="` + p.ID + `"] .jobs`)
	b.sees(`document.querySelectorAll('[href*="/riverui/jobs/"]').length >= 4`)
	text := b.text("body")
	if n := strings.Count(text, p.ID+`","tile"`); n != 4 || strings.Count(text, `"tile"`) != 4 {
		t.Errorf("it shows %s", text)
	}
}

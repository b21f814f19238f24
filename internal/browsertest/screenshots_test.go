package browsertest_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"image"
	"image/png"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/jackc/pgx/v5/pgxpool"
)

var screenshots = flag.String("screenshots", "", "directory for pictures of the pages; without it, none are taken")

// The window is a quarter larger than the pictures, which have 1280×800 pixels.
const (
	windowWidth  = 1600
	windowHeight = 1000
	pictureScale = 0.8
)

// TestScreenshots takes pictures of the pages of a `millrace dev` with multiplications in all states.
func TestScreenshots(t *testing.T) {
	if *screenshots == "" {
		t.Skip("without -screenshots, no pictures are taken")
	}
	d := develop(t)
	b := open(t, riverUIMessage)
	b.run(chromedp.EmulateViewport(windowWidth, windowHeight, chromedp.EmulateScale(pictureScale)))
	failed, busy := d.submitSamples()

	b.open(d.url)
	b.sees(`document.querySelectorAll("li.multiplication").length >= 6`)
	b.sees(`document.querySelector(".in_progress progress").value > 0.15`)
	b.picture("start")

	b.open(d.url + "/multiplications/" + busy.ID)
	b.sees(`document.querySelector("#reasons").innerText.includes("should end")`)
	b.picture("multiplication")

	b.open(d.url + busy.Links.Jobs + "&state=completed")
	b.sees(`document.querySelectorAll('[href*="/riverui/jobs/"]').length >= 5`)
	b.picture("riverui")

	b.open(d.url + failed.Links.Jobs)
	b.sees(`document.body.innerText.includes("block missing")`)
	b.picture("riverui-failed")

	b.open(d.url + "/docs/")
	b.beginTryItOut("/v1/multiplications")
	b.run(chromedp.Focus(".opblock.is-open textarea"))
	evaluate[bool](b, `document.activeElement.select(),
		document.execCommand("insertText", false, `+strconv.Quote(twoByTwo)+`)`)
	b.execute("/v1/multiplications")
	evaluate[bool](b, `Object.assign(
			document.querySelector(".opblock.is-open textarea").style, { minHeight: "0", height: "5em" }),
		document.querySelector(".opblock.is-open .opblock-section-request-body").scrollIntoView(), true`)
	b.sees(`document.getAnimations().length === 0`)
	b.picture("docs")
}

// develop starts a `millrace dev` in a directory of its own.
func develop(t *testing.T) *deployment {
	t.Helper()
	data := t.TempDir()
	d := &deployment{t: t, blocks: filepath.Join(data, "blocks")}
	d.api = d.start("dev", "--json", "--addr=127.0.0.1:0", "--ops-addr=127.0.0.1:0", "--data="+data)
	var dev struct {
		API         string `json:"api"`
		DatabaseURL string `json:"database_url"`
	}
	if err := json.Unmarshal([]byte(d.api.logged(`(\{"api".*\})`)), &dev); err != nil {
		t.Fatal(err)
	}
	pool, err := pgxpool.New(t.Context(), dev.DatabaseURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	d.url = dev.API
	d.pool = pool
	return d
}

// submitSamples submits multiplications, which are in all states for a while. It returns the failed one and the one in
// progress.
func (d *deployment) submitSamples() (failed, busy multiplication) {
	d.t.Helper()
	for _, body := range []string{
		twoByTwo,
		`{"a": {"random": {"rows": 1000, "cols": 2000}}, "b": {"random": {"rows": 2000, "cols": 500, "seed": 7}}}`,
		random("4000"),
	} {
		d.reaches(d.submit(body).ID, "completed")
	}
	failed, putBack := d.submitDoomed()
	d.reaches(failed.ID, "failed")
	putBack()
	cancelled := d.submit(random("9000"))
	d.do(http.MethodPost, "/v1/multiplications/"+cancelled.ID+"/cancel", "", nil, &multiplication{})
	busy = d.submit(random("14000"))
	d.submit(`{"priority": 4,
		"a": {"random": {"rows": 8000, "cols": 6000}},
		"b": {"random": {"rows": 6000, "cols": 20000}}}`)
	return failed, busy
}

const twoByTwo = `{"a": {"values": [[1, 2], [3, 4]]}, "b": {"values": [[5, 6], [7, 8]]}}`

// picture writes a picture of the window to a file.
func (b *tab) picture(name string) {
	b.t.Helper()
	shot, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.t.Fatal(err)
	}
	small := compress(b.t, shot)
	path := filepath.Join(*screenshots, name+".png")
	if err := os.WriteFile(path, small, 0o644); err != nil {
		b.t.Fatal(err)
	}
	b.t.Logf("%s: %d bytes", path, len(small))
}

// compress returns a picture as the smaller of the original and a new encoding.
func compress(t *testing.T, shot []byte) []byte {
	t.Helper()
	picture, err := png.Decode(bytes.NewReader(shot))
	if err != nil {
		t.Fatal(err)
	}
	want := image.Pt(windowWidth*pictureScale, windowHeight*pictureScale)
	if got := picture.Bounds().Size(); got != want {
		t.Errorf("the size of the picture is %v, want %v", got, want)
	}
	var small bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	if err := encoder.Encode(&small, picture); err != nil {
		t.Fatal(err)
	}
	if small.Len() > len(shot) {
		return shot
	}
	return small.Bytes()
}

package load_test

import (
	"encoding/xml"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/load"
)

// drawing is what the tests look at in a plot.
type drawing struct {
	Title string   `xml:"title"`
	Texts []string `xml:"text"`
	Paths []struct {
		Class string `xml:"class,attr"`
		D     string `xml:"d,attr"`
	} `xml:"path"`
}

func draw(t *testing.T, title string, samples []load.Sample) drawing {
	t.Helper()
	var image strings.Builder
	if err := load.WritePlot(&image, title, samples); err != nil {
		t.Fatal(err)
	}
	var d drawing
	if err := xml.Unmarshal([]byte(image.String()), &d); err != nil {
		t.Fatalf("the plot is no XML: %v\n%s", err, &image)
	}
	return d
}

// series returns the paths of the series, without those of the legends.
func (d drawing) series() []string {
	var paths []string
	for _, p := range d.Paths {
		if strings.HasPrefix(p.Class, "series") {
			paths = append(paths, p.D)
		}
	}
	return paths
}

// TestPlotShape: two requests in three seconds. The x axis has 292 px a second from 64 on, a decade of latency is
// 94.67 px above 360, and a request per second is 32.8 px above 584.
func TestPlotShape(t *testing.T) {
	t.Parallel()
	d := draw(t, "<two>", []load.Sample{
		{Due: 0, Accepted: 10 * ms, Completed: 100 * ms},
		{Due: time.Second, Accepted: 1010 * ms, Completed: 2000 * ms},
	})
	want := []string{
		"M64 360h0M356 360h0",                   // accepted: 10 ms, twice
		"M64 265.3h0M356 170.7h0",               // completed: 100 ms, 1 s
		"M64 265.3L940 265.3",                   // p50 of what was completed
		"M64 170.7L940 170.7",                   // p99
		"M64 551.2H356V551.2H648V584H940V584",   // due: 1, 1, 0
		"M64 551.2H356V584H648V551.2H940V551.2", // completed: 1, 0, 1
	}
	if got := d.series(); !slices.Equal(got, want) {
		t.Errorf("series:\n got %q\nwant %q", got, want)
	}
	texts := []string{
		"<two>",
		"latency (ms)", "10", "100", "1000", "10000", "0.0", "0.5", "1.0", "1.5", "2.0", "2.5", "3.0", "accepted", "completed", "p50", "p99",
		"requests per second", "0", "1", "2", "3", "4", "5", "0.0", "0.5", "1.0", "1.5", "2.0", "2.5", "3.0", "due", "completed",
		"time since the start (s)",
	}
	if !slices.Equal(d.Texts, texts) {
		t.Errorf("texts:\n got %q\nwant %q", d.Texts, texts)
	}
	if d.Title != "<two>" {
		t.Errorf("title = %q, want %q", d.Title, "<two>")
	}
}

func TestPlotWithoutPoints(t *testing.T) {
	t.Parallel()
	for name, samples := range map[string][]load.Sample{
		"no samples":  nil,
		"only errors": {{Due: 2 * time.Second, Err: errors.New("x")}},
	} {
		if got := draw(t, name, samples).series(); len(got) != 6 || got[0] != "" || got[1] != "" {
			t.Errorf("%s: series = %q, want no latencies", name, got)
		}
	}
}

// TestPlotDrawsDotsOnce: a run may have a million requests: those that fall on the same place are drawn once.
func TestPlotDrawsDotsOnce(t *testing.T) {
	t.Parallel()
	same := load.Sample{
		Due:       0,
		Accepted:  ms,
		Completed: ms,
	}
	got := draw(t, "same", slices.Repeat([]load.Sample{same}, 1000)).series()[0]
	if want := "M64 360h0"; got != want {
		t.Errorf("accepted = %.100q, want %q", got, want)
	}
}

type failingWriter struct{}

var errFull = errors.New("no space left on device")

func (failingWriter) Write([]byte) (int, error) { return 0, errFull }

func TestPlotToFailingWriter(t *testing.T) {
	t.Parallel()
	if err := load.WritePlot(failingWriter{}, "full", nil); !errors.Is(err, errFull) {
		t.Errorf("WritePlot() = %v, want %v", err, errFull)
	}
}

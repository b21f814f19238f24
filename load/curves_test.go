package load_test

import (
	"encoding/xml"
	"slices"
	"strings"
	"testing"

	"github.com/millrace/millrace/load"
)

// TestCurves: a decade of x is 438 px from 64 on, and 100 of y is 63.5 px above 584.
func TestCurves(t *testing.T) {
	t.Parallel()
	var image strings.Builder
	axes := load.Axes{
		Title: "<curves>",
		X:     "slots",
		Y:     "rate",
		Log:   true,
	}
	err := load.WriteCurves(&image, axes, []load.Curve{
		{
			Name: "one",
			X:    []float64{1, 10, 100},
			Y:    []float64{0, 400, 800},
		},
		{
			Name: "several",
			X:    []float64{10, 100},
			Y:    []float64{200, 200},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	var d drawing
	if err := xml.Unmarshal([]byte(image.String()), &d); err != nil {
		t.Fatalf("the plot is no XML: %v\n%s", err, &image)
	}
	want := []string{"M64 584L502 330L940 76", "M502 457L940 457"}
	if got := d.series(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, text := range []string{"one", "several", "slots", "rate", "100", "800"} {
		if !slices.Contains(d.Texts, text) {
			t.Errorf("got the texts %q, want also %q", d.Texts, text)
		}
	}
}

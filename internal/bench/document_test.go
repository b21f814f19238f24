package bench_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/millrace/millrace/load"
)

// The lines of docs/performance.md between which the figures are.
const (
	beginMark = "<!-- make bench-system writes from here -->\n"
	endMark   = "<!-- to here -->\n"
)

// publish replaces the figures and the plots of a folder.
func (r report) publish(docs string) error {
	path := filepath.Join(docs, "performance.md")
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, found := strings.Cut(string(text), beginMark)
	_, after, foundEnd := strings.Cut(rest, endMark)
	if !found || !foundEnd {
		return fmt.Errorf("%s lacks the lines %q and %q", path, beginMark, endMark)
	}
	plots, err := r.plots()
	if err != nil {
		return err
	}
	figures := r.markdown()
	for _, p := range plots {
		figures += fmt.Sprintf("\n![%s](images/%s)\n", p.title, p.file)
		if err := os.WriteFile(filepath.Join(docs, "images", p.file), p.svg, 0o644); err != nil {
			return err
		}
	}
	figures = before + beginMark + "\n" + figures + "\n" + endMark + after
	return os.WriteFile(path, []byte(figures), 0o644)
}

// plot is a picture.
type plot struct {
	file  string
	title string
	svg   []byte
}

// plots draws what a table does not show well.
func (r report) plots() ([]plot, error) {
	var all []plot
	for _, draw := range []struct {
		file   string
		axes   load.Axes
		curves []load.Curve
	}{
		{
			file: "system-tiles.svg",
			axes: load.Axes{
				Title: "Tiles that do nothing",
				X:     "slots",
				Y:     "completed per second",
				Log:   true,
			},
			curves: r.tileCurves(),
		},
		{
			file: "system-chunk.svg",
			axes: load.Axes{
				Title: "Multiplications of 2×2, first submission to last completion",
				X:     "time since the first submission (s)",
				Y:     "multiplications",
			},
			curves: r.chunkCurves(),
		},
	} {
		if len(draw.curves) == 0 {
			continue
		}
		var svg bytes.Buffer
		if err := load.WriteCurves(&svg, draw.axes, draw.curves); err != nil {
			return nil, err
		}
		all = append(all, plot{
			file:  draw.file,
			title: draw.axes.Title,
			svg:   svg.Bytes(),
		})
	}
	return all, nil
}

// tileCurves returns the rates of tiles by slots, of each service.
func (r report) tileCurves() []load.Curve {
	var curves []load.Curve
	for _, service := range r.Services {
		rounds := r.Rows["tiles"][service]
		if len(rounds) == 0 {
			continue
		}
		v := rounds[len(rounds)-1].Values
		one, several := load.Curve{Name: "1 process"}, load.Curve{Name: "several"}
		if len(curves) > 0 {
			one.Name, several.Name = service+", one", service+", several"
		}
		for _, slots := range whole.slots {
			if y := v[fmt.Sprintf("one process, %d", slots)]; y > 0 {
				one.X, one.Y = append(one.X, float64(slots)), append(one.Y, y)
			}
			if y := v[fmt.Sprintf("processes, %d", slots)]; y > 0 {
				several.X, several.Y = append(several.X, float64(slots)), append(several.Y, y)
			}
		}
		for _, c := range []load.Curve{one, several} {
			if len(c.X) > 0 {
				curves = append(curves, c)
			}
		}
	}
	return curves
}

// chunkCurves returns how many were submitted and completed by when, in the last round of the first service.
func (r report) chunkCurves() []load.Curve {
	var curves []load.Curve
	if len(r.Services) == 0 {
		return nil
	}
	rounds := r.Rows["end-to-end"][r.Services[0]]
	if len(rounds) == 0 {
		return nil
	}
	for _, name := range []string{"submitted", "completed"} {
		c := load.Curve{Name: name}
		for _, p := range rounds[len(rounds)-1].Course[name] {
			c.X = append(c.X, p[0])
			c.Y = append(c.Y, p[1])
		}
		if len(c.X) > 0 {
			curves = append(curves, c)
		}
	}
	return curves
}

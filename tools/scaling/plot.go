package scaling

import (
	"image/color"
	"io"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

const (
	plotWidth  = 9 * vg.Inch
	plotHeight = 7 * vg.Inch
	// plotSteps is the largest number of steps of a line. Each step shows the highest value of its interval.
	plotSteps = 300
)

var (
	blue = color.RGBA{
		R: 0x1f,
		G: 0x77,
		B: 0xb4,
		A: 0xff,
	}
	red = color.RGBA{
		R: 0xd6,
		G: 0x27,
		B: 0x28,
		A: 0xff,
	}
	gray = color.RGBA{
		R: 0x99,
		G: 0x99,
		B: 0x99,
		A: 0xff,
	}
)

// WritePlot draws a replay as SVG: the number of workers, the depth of the queues, and how long the next job has
// waited.
func (r *Result) WritePlot(w io.Writer, title string) error {
	unit, unitName := time.Minute, "minutes"
	if r.Points[len(r.Points)-1].At > 6*time.Hour {
		unit, unitName = time.Hour, "hours"
	}
	pods, depth, oldest := plot.New(), plot.New(), plot.New()
	pods.Title.Text = title
	pods.Y.Label.Text = "workers"
	depth.Y.Label.Text = "jobs"
	oldest.Y.Label.Text = "s waited"
	oldest.X.Label.Text = unitName
	for _, l := range []struct {
		plot  *plot.Plot
		name  string
		color color.Color
		value func(Point) float64
	}{
		{pods, "asked for", gray, func(p Point) float64 { return float64(p.Asked) }},
		{pods, "at work", blue, func(p Point) float64 { return float64(p.Running) }},
		{depth, "tiles", blue, func(p Point) float64 { return float64(p.Depth[tiles]) }},
		{depth, "small", red, func(p Point) float64 { return float64(p.Depth[small]) }},
		{oldest, "tiles", blue, func(p Point) float64 { return p.Oldest[tiles].Seconds() }},
		{oldest, "small", red, func(p Point) float64 { return p.Oldest[small].Seconds() }},
	} {
		if err := r.line(l.plot, l.name, l.color, unit, l.value); err != nil {
			return err
		}
	}
	canvas := vgsvg.New(plotWidth, plotHeight)
	rows := [][]*plot.Plot{{pods}, {depth}, {oldest}}
	places := plot.Align(rows, draw.Tiles{
		Rows: len(rows),
		Cols: 1,
		PadY: vg.Points(8),
	}, draw.New(canvas))
	for i, row := range rows {
		row[0].Draw(places[i][0])
	}
	_, err := canvas.WriteTo(w)
	return err
}

// line adds a line to a plot, and its name to the legend.
func (r *Result) line(p *plot.Plot, name string, c color.Color, unit time.Duration, value func(Point) float64) error {
	step := (len(r.Points) + plotSteps - 1) / plotSteps
	var points plotter.XYs
	for i := 0; i < len(r.Points); i += step {
		highest := 0.0
		for _, point := range r.Points[i:min(i+step, len(r.Points))] {
			highest = max(highest, value(point))
		}
		points = append(points, plotter.XY{X: float64(r.Points[i].At) / float64(unit), Y: highest})
	}
	l, err := plotter.NewLine(points)
	if err != nil {
		return err
	}
	l.Color = c
	l.StepStyle = plotter.PostStep
	p.Add(l)
	p.Legend.Add(name, l)
	p.Legend.Top = true
	p.Y.Min = 0
	return nil
}

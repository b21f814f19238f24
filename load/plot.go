package load

import (
	"image/color"
	"io"
	"math"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

const (
	plotWidth  = 9 * vg.Inch
	plotHeight = 6 * vg.Inch
)

var (
	blue = color.RGBA{R: 0x1f, G: 0x77, B: 0xb4, A: 0xff}
	red  = color.RGBA{R: 0xd6, G: 0x27, B: 0x28, A: 0xff}
	gray = color.RGBA{R: 0x99, G: 0x99, B: 0x99, A: 0xff}
)

// WritePlot draws a run as SVG: above, how long each request took by when it was due, on a logarithmic scale; below, how
// many were due and how many completed in each second.
func WritePlot(w io.Writer, title string, samples []Sample) error {
	canvas := vgsvg.New(plotWidth, plotHeight)
	above, below, err := plots(title, samples)
	if err != nil {
		return err
	}
	grid := plot.Align([][]*plot.Plot{{above}, {below}}, draw.Tiles{Rows: 2, Cols: 1, PadY: vg.Points(8)}, draw.New(canvas))
	above.Draw(grid[0][0])
	below.Draw(grid[1][0])
	_, err = canvas.WriteTo(w)
	return err
}

func plots(title string, samples []Sample) (latencies, rates *plot.Plot, err error) {
	latencies, rates = plot.New(), plot.New()
	latencies.Title.Text = title
	latencies.Y.Label.Text = "ms"
	rates.X.Label.Text = "seconds"
	rates.Y.Label.Text = "per second"
	rates.Y.Min = 0

	var accepted, completed plotter.XYs
	for _, s := range samples {
		if s.Accepted > 0 {
			accepted = append(accepted, latency(s.Due, s.Accepted))
		}
		if s.Completed > 0 {
			completed = append(completed, latency(s.Due, s.Completed))
		}
	}
	if len(accepted) > 0 { // without a point there is no scale
		latencies.Y.Scale, latencies.Y.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
		latencies.Y.Min, latencies.Y.Max = decades(append(accepted[:len(accepted):len(accepted)], completed...))
	}
	if err := scatter(latencies, "accepted", accepted, gray); err != nil {
		return nil, nil, err
	}
	if err := scatter(latencies, "completed", completed, blue); err != nil {
		return nil, nil, err
	}
	latencies.Legend.Top = true
	due, done := perSecond(samples)
	for _, p := range append(due[:len(due):len(due)], done...) {
		rates.Y.Max = max(rates.Y.Max, 1.3*p.Y) // room for the legend
	}
	rates.Legend.Top = true
	if err := line(rates, "due", due, gray); err != nil {
		return nil, nil, err
	}
	return latencies, rates, line(rates, "completed", done, red)
}

// latency is a point of the upper plot; a logarithm has no zero.
func latency(due, at time.Duration) plotter.XY {
	return plotter.XY{X: due.Seconds(), Y: math.Max(0.01, float64((at-due).Microseconds())/1000)}
}

// decades returns the powers of ten around points: only those have a label on a logarithmic axis.
func decades(points plotter.XYs) (low, high float64) {
	low, high = math.Inf(1), 0
	for _, p := range points {
		low, high = min(low, p.Y), max(high, p.Y)
	}
	return math.Pow(10, math.Floor(math.Log10(low))), math.Pow(10, math.Floor(math.Log10(high))+1)
}

// scatter adds points, if there are any.
func scatter(p *plot.Plot, name string, points plotter.XYs, c color.Color) error {
	if len(points) == 0 {
		return nil
	}
	s, err := plotter.NewScatter(points)
	if err != nil {
		return err
	}
	s.Color, s.Radius, s.Shape = c, vg.Points(1.2), draw.CircleGlyph{}
	p.Add(s)
	p.Legend.Add(name, s)
	return nil
}

func line(p *plot.Plot, name string, points plotter.XYs, c color.Color) error {
	if len(points) == 0 {
		return nil
	}
	l, err := plotter.NewLine(points)
	if err != nil {
		return err
	}
	l.Color, l.StepStyle = c, plotter.PreStep
	p.Add(l)
	p.Legend.Add(name, l)
	return nil
}

// perSecond counts what was due and what completed in each second of the run.
func perSecond(samples []Sample) (due, completed plotter.XYs) {
	var last time.Duration
	for _, s := range samples {
		last = max(last, s.Due, s.Completed)
	}
	if len(samples) == 0 {
		return nil, nil
	}
	seconds := int(last/time.Second) + 1
	due, completed = make(plotter.XYs, seconds), make(plotter.XYs, seconds)
	for i := range seconds {
		due[i].X, completed[i].X = float64(i+1), float64(i+1)
	}
	for _, s := range samples {
		due[s.Due/time.Second].Y++
		if s.Completed > 0 {
			completed[s.Completed/time.Second].Y++
		}
	}
	return due, completed
}

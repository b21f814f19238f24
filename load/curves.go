package load

import (
	"bufio"
	"cmp"
	"io"
	"math"
	"slices"
)

// Curve is a named line through points.
type Curve struct {
	Name string
	X    []float64
	Y    []float64 // one for each of X
}

// Axes are the titles of a plot of curves.
type Axes struct {
	Title string
	X     string
	Y     string
	Log   bool // the x axis is logarithmic
}

// curveColors are classes of style.
var curveColors = []string{"blue", "orange", "green", "gray"}

// WriteCurves draws curves in one chart as SVG. There must be at least one point.
func WriteCurves(w io.Writer, axes Axes, curves []Curve) error {
	c := chart{
		x: axis{
			from: chartLeft,
			to:   chartRight,
			log:  axes.Log,
		},
		y: axis{
			from: plotHeight - 56,
			to:   76,
		},
		yLabel: axes.Y,
	}
	var all []point
	for i, curve := range curves {
		s := series{
			name:  curve.Name,
			color: curveColors[i%len(curveColors)],
			line:  true,
		}
		for n, x := range curve.X {
			s.points = append(s.points, point{x, curve.Y[n]})
		}
		all = append(all, s.points...)
		c.series = append(c.series, s)
	}
	byX := func(a, b point) int { return cmp.Compare(a.x, b.x) }
	byY := func(a, b point) int { return cmp.Compare(a.y, b.y) }
	c.x.high = slices.MaxFunc(all, byX).x
	if axes.Log {
		c.x.low = math.Pow(10, math.Floor(math.Log10(slices.MinFunc(all, byX).x)))
		c.x.high = math.Pow(10, math.Ceil(math.Log10(c.x.high)))
	}
	most := slices.MaxFunc(all, byY).y
	step := roundStep(max(1, most))
	c.y.high = step * max(1, math.Ceil(most/step))
	buffer := bufio.NewWriter(w)
	writeSVG(buffer, axes.Title, axes.X, []chart{c})
	return buffer.Flush()
}

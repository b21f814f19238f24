package load

import (
	"bufio"
	"encoding/xml"
	"fmt"
	"strconv"
	"strings"
)

// The layout of a plot, in px. Two charts lie one above the other and share their x axis. Axis labels and legends are
// above the chart that they describe, so that they cover no data.
const (
	plotWidth   = 960
	plotHeight  = 640
	chartLeft   = 64
	chartRight  = 940
	titleLine   = 30
	headingGap  = 12  // from a heading down to its chart
	tickGap     = 18  // from a chart down to the labels of its x axis
	legendWidth = 104 // of one entry
)

// style has plain rules rather than variables, which some viewers of SVG do not know.
const style = `
text { font: 13px system-ui, sans-serif; fill: #333 }
.title { font-size: 17px; font-weight: 600 }
.background { fill: #fff }
.grid { stroke: #e4e4e4 }
.axis { fill: none; stroke: #777 }
.series { fill: none; stroke-width: 1.5 }
.dots { stroke-width: 3.2; stroke-linecap: round }
.legend.dots { stroke-width: 7 }
.gray { stroke: #8a8a8a }
.blue { stroke: #1769aa }
.green { stroke: #2e7d32 }
.orange { stroke: #d97706 }
@media (prefers-color-scheme: dark) {
  text { fill: #ddd }
  .background { fill: #16181c }
  .grid { stroke: #33363c }
  .axis { stroke: #888 }
  .gray { stroke: #9a9a9a }
  .blue { stroke: #6cb6ff }
  .green { stroke: #81c784 }
  .orange { stroke: #ffb057 }
}
`

// point is a pair of values.
type point struct{ x, y float64 }

// series is a named set of points: dots, a line through them, or the steps of a function that keeps each value until
// the next point.
type series struct {
	name   string
	color  string // a class of style
	dots   bool
	line   bool
	points []point
}

// chart is a rectangle with axes and the series in it.
type chart struct {
	x      axis
	y      axis
	yLabel string
	series []series
}

// writeSVG draws charts below a title. An error of w is returned by its Flush.
func writeSVG(w *bufio.Writer, title, xLabel string, charts []chart) {
	fmt.Fprintf(w, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"+
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" role=\"img\">\n",
		plotWidth, plotHeight, plotWidth, plotHeight)
	fmt.Fprintf(w, "<title>%s</title>\n<style>%s</style>\n", escape(title), style)
	fmt.Fprintf(w, "<rect class=\"background\" width=\"%d\" height=\"%d\"/>\n", plotWidth, plotHeight)
	fmt.Fprintf(w, "<text class=\"title\" x=\"%d\" y=\"%d\">%s</text>\n", chartLeft, titleLine, escape(title))
	for _, c := range charts {
		c.write(w)
	}
	fmt.Fprintf(w, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%s</text>\n</svg>\n",
		(chartLeft+chartRight)/2, plotHeight-14, escape(xLabel))
}

func (c chart) write(w *bufio.Writer) {
	heading := c.y.to - headingGap
	fmt.Fprintf(w, "<text x=\"%d\" y=\"%s\">%s</text>\n", chartLeft, px(heading), escape(c.yLabel))
	c.writeAxes(w)
	for i, s := range c.series {
		s.writeLegend(w, chartRight-float64(len(c.series)-i)*legendWidth, heading)
		fmt.Fprintf(w, "<path class=\"%s\" d=\"%s\"><title>%s</title></path>\n", s.class(), s.path(c.x, c.y), escape(s.name))
	}
}

// writeAxes draws the grid and its labels.
func (c chart) writeAxes(w *bufio.Writer) {
	for _, t := range c.y.ticks() {
		y := c.y.position(t.value)
		fmt.Fprintf(w, "<path class=\"grid\" d=\"M%d %sH%d\"/><text x=\"%d\" y=\"%s\" text-anchor=\"end\">%s</text>\n",
			chartLeft, px(y), chartRight, chartLeft-8, px(y+4.5), t.label)
	}
	for _, t := range c.x.ticks() {
		x := px(c.x.position(t.value))
		fmt.Fprintf(w, "<path class=\"grid\" d=\"M%s %sV%s\"/><text x=\"%s\" y=\"%s\" text-anchor=\"middle\">%s</text>\n",
			x, px(c.y.from), px(c.y.to), x, px(c.y.from+tickGap), t.label)
	}
	fmt.Fprintf(w, "<path class=\"axis\" d=\"M%d %sV%sH%d\"/>\n", chartLeft, px(c.y.to), px(c.y.from), chartRight)
}

func (s series) class() string {
	if s.dots {
		return "series dots " + s.color
	}
	return "series " + s.color
}

// writeLegend draws a sample of the series and its name, beginning at x.
func (s series) writeLegend(w *bufio.Writer, x, y float64) {
	length := 20.0
	if s.dots {
		length = 0
	}
	fmt.Fprintf(w, "<path class=\"legend %s\" d=\"M%s %sh%s\"/><text x=\"%s\" y=\"%s\">%s</text>\n",
		s.class(), px(x+20-length), px(y-4.5), px(length), px(x+28), px(y), escape(s.name))
}

// path returns the series as the commands of an SVG path. Dots at the same place are drawn once: a run may have a
// million.
func (s series) path(x, y axis) string {
	var d strings.Builder
	drawn := map[string]bool{}
	for i, p := range s.points {
		at, height := px(x.position(p.x)), px(y.position(p.y))
		switch {
		case s.dots:
			if dot := "M" + at + " " + height + "h0"; !drawn[dot] {
				drawn[dot] = true
				d.WriteString(dot)
			}
		case i == 0:
			d.WriteString("M" + at + " " + height)
		case s.line:
			d.WriteString("L" + at + " " + height)
		default:
			d.WriteString("H" + at + "V" + height)
		}
	}
	return d.String()
}

// px writes a position, to a tenth.
func px(position float64) string {
	return strings.TrimSuffix(strconv.FormatFloat(position, 'f', 1, 64), ".0")
}

func escape(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a Builder does not fail
	return b.String()
}

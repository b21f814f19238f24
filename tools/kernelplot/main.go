// The command kernelplot draws what BenchmarkKernels of matrix/blas prints: the rate of each kernel against the side of
// square matrices, one plot for each type of elements.
//
//	go test -run '^$' -bench Kernels ./matrix/blas | kernelplot >kernels.svg
package main

import (
	"bufio"
	"fmt"
	"image/color"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

func main() {
	if err := draws(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

var (
	square = regexp.MustCompile(`^BenchmarkKernels/(float\d\d)/(\d+)x(\d+)x(\d+)\S*\s+\d+\s+(.*)`)
	rate   = regexp.MustCompile(`([\d.]+) (\S+)-GFLOP/s`)
	// colors are those of the kernels, in the order of their names.
	colors = []color.Color{
		color.RGBA{R: 0x1f, G: 0x77, B: 0xb4, A: 0xff}, //house:ignore literal a color is one thing
		color.RGBA{R: 0x2c, G: 0xa0, B: 0x2c, A: 0xff}, //house:ignore literal a color is one thing
		color.RGBA{R: 0xd6, G: 0x27, B: 0x28, A: 0xff}, //house:ignore literal a color is one thing
		color.RGBA{R: 0x99, G: 0x99, B: 0x99, A: 0xff}, //house:ignore literal a color is one thing
		color.RGBA{R: 0x94, G: 0x67, B: 0xbd, A: 0xff}, //house:ignore literal a color is one thing
	}
)

// rates are the points of each kernel, by the type of elements.
type rates map[string]map[string]plotter.XYs

// read reads the lines of square matrices.
func read(in io.Reader) (rates, error) {
	all := rates{}
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		m := square.FindStringSubmatch(lines.Text())
		if m == nil || m[2] != m[3] || m[3] != m[4] {
			continue
		}
		n, err := strconv.ParseFloat(m[2], 64)
		if err != nil {
			return nil, err
		}
		if all[m[1]] == nil {
			all[m[1]] = map[string]plotter.XYs{}
		}
		for _, r := range rate.FindAllStringSubmatch(strings.ReplaceAll(m[5], "\t", " "), -1) {
			value, err := strconv.ParseFloat(r[1], 64)
			if err != nil {
				return nil, err
			}
			all[m[1]][r[2]] = append(all[m[1]][r[2]], plotter.XY{
				X: n,
				Y: value,
			})
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("no line of BenchmarkKernels on standard input")
	}
	return all, lines.Err()
}

// ticks returns marks with labels.
func ticks(values ...float64) []plot.Tick {
	var marks []plot.Tick
	for _, v := range values {
		marks = append(marks, plot.Tick{
			Value: v,
			Label: strconv.FormatFloat(v, 'f', -1, 64),
		})
	}
	return marks
}

// draws reads the output of the benchmark and writes the plots as SVG.
func draws(in io.Reader, out io.Writer) error {
	all, err := read(in)
	if err != nil {
		return err
	}
	var row []*plot.Plot
	for _, dtype := range slices.Sorted(maps.Keys(all)) {
		p := plot.New()
		p.Title.Text = dtype + ", one thread"
		p.X.Label.Text = "n"
		p.Y.Label.Text = "GFLOP/s"
		p.X.Scale = plot.LogScale{}
		p.X.Tick.Marker = plot.ConstantTicks(ticks(2, 8, 32, 128, 512, 2000))
		p.Y.Min = 0
		p.Legend.Left = true
		p.Legend.Top = true
		for i, name := range slices.Sorted(maps.Keys(all[dtype])) {
			line, err := plotter.NewLine(all[dtype][name])
			if err != nil {
				return err
			}
			line.Color = colors[i%len(colors)]
			line.Width = vg.Points(1.5)
			p.Add(line)
			p.Legend.Add(name, line)
		}
		row = append(row, p)
	}
	canvas := vgsvg.New(9*vg.Inch, 4*vg.Inch)
	places := plot.Align([][]*plot.Plot{row}, draw.Tiles{
		Rows: 1,
		Cols: len(row),
		PadX: vg.Points(12),
	}, draw.New(canvas))
	for i, p := range row {
		p.Draw(places[0][i])
	}
	_, err = canvas.WriteTo(out)
	return err
}

package load

import (
	"math"
	"strconv"
)

// axis maps values to positions in a plot.
type axis struct {
	low  float64 // first value, at position from
	high float64 // last value, at position to
	from float64 // px
	to   float64 // px
	log  bool    // logarithmic; low and high are powers of ten
}

// position returns where a value is, in px.
func (a axis) position(value float64) float64 {
	part := (value - a.low) / (a.high - a.low)
	if a.log {
		part = math.Log(value/a.low) / math.Log(a.high/a.low)
	}
	return a.from + part*(a.to-a.from)
}

// tick is a labelled value of an axis.
type tick struct {
	value float64
	label string
}

// ticks returns the powers of ten of a logarithmic axis, and about seven round values of a linear one.
func (a axis) ticks() []tick {
	var ticks []tick
	if a.log {
		for e := math.Round(math.Log10(a.low)); e <= math.Round(math.Log10(a.high)); e++ {
			value := math.Pow(10, e)
			ticks = append(ticks, tick{value, format(value, value)})
		}
		return ticks
	}
	step := roundStep(a.high - a.low)
	for i := math.Ceil(a.low / step); i*step <= a.high; i++ {
		ticks = append(ticks, tick{i * step, format(i*step, step)})
	}
	return ticks
}

// maxSteps is how many steps between ticks a linear axis has at most.
const maxSteps = 8

// roundStep returns the smallest of 1, 2, 5, 10, 20, 50 … or 0.5, 0.2, 0.1 … of which at most maxSteps fit into a
// range.
func roundStep(span float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(span/maxSteps)))
	for _, factor := range []float64{1, 2, 5} {
		if factor*power*maxSteps >= span {
			return factor * power
		}
	}
	return 10 * power
}

// format writes a value with as many decimals as its step has.
func format(value, step float64) string {
	decimals := max(0, int(-math.Floor(math.Log10(step))))
	return strconv.FormatFloat(value, 'f', decimals, 64)
}

// decades returns the powers of ten around values.
func decades(values []point) (low, high float64) {
	low = math.Inf(1)
	high = 0
	for _, p := range values {
		low = min(low, p.y)
		high = max(high, p.y)
	}
	return math.Pow(10, math.Floor(math.Log10(low))), math.Pow(10, math.Floor(math.Log10(high))+1)
}

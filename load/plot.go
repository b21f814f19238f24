package load

import (
	"bufio"
	"io"
	"math"
	"slices"
	"time"
)

// WritePlot draws a run as SVG. The upper chart shows the latency of each request by the time at which it was due, on a
// logarithmic scale. The lower one shows how many requests were due and how many completed in each second.
func WritePlot(w io.Writer, title string, samples []Sample) error {
	seconds := duration(samples)
	x := axis{
		high: float64(seconds),
		from: chartLeft,
		to:   chartRight,
	}
	buffer := bufio.NewWriter(w)
	writeSVG(buffer, title, "time since the start (s)", []chart{latencyChart(x, samples), rateChart(x, samples, seconds)})
	return buffer.Flush()
}

// duration returns the number of seconds that a run has begun, at least one.
func duration(samples []Sample) int {
	var last time.Duration
	for _, s := range samples {
		last = max(last, s.Due, s.Completed)
	}
	return int(last/time.Second) + 1
}

func latencyChart(x axis, samples []Sample) chart {
	var accepted, completed []point
	for _, s := range samples {
		if s.Accepted > 0 {
			accepted = append(accepted, point{s.Due.Seconds(), latency(s.Accepted - s.Due)})
		}
		if s.Completed > 0 {
			completed = append(completed, point{s.Due.Seconds(), latency(s.Completed - s.Due)})
		}
	}
	high50, high99 := level(completed, 0.5), level(completed, 0.99)
	low, high := 1.0, 1000.0 // without a point
	if all := slices.Concat(accepted, completed); len(all) > 0 {
		low, high = decades(all)
	}
	return chart{
		x: x,
		y: axis{
			low:  low,
			high: high,
			from: 360,
			to:   76,
			log:  true,
		},
		yLabel: "latency (ms)",
		series: []series{
			{
				name:   "accepted",
				color:  "orange",
				dots:   true,
				points: accepted,
			},
			{
				name:   "completed",
				color:  "blue",
				dots:   true,
				points: completed,
			},
			{
				name:   "p50",
				color:  "green",
				line:   true,
				points: across(x, high50),
			},
			{
				name:   "p99",
				color:  "gray",
				line:   true,
				points: across(x, high99),
			},
		},
	}
}

// level returns a quantile of latencies in milliseconds, or 0 without any.
func level(points []point, q float64) float64 {
	if len(points) == 0 {
		return 0
	}
	values := make([]float64, 0, len(points))
	for _, p := range points {
		values = append(values, p.y)
	}
	slices.Sort(values)
	return values[max(1, int(math.Ceil(q*float64(len(values)))))-1]
}

// across returns the ends of a horizontal line through a chart, or nothing for a level of 0.
func across(x axis, y float64) []point {
	if y == 0 {
		return nil
	}
	return []point{{x.low, y}, {x.high, y}}
}

// latency returns a latency in milliseconds, at least 0.01: a logarithmic axis has no zero.
func latency(d time.Duration) float64 { return max(0.01, float64(d.Microseconds())/1000) }

func rateChart(x axis, samples []Sample, seconds int) chart {
	due, completed := perSecond(samples, seconds)
	most := 5.0 // less would have ticks between whole numbers
	for i := range due {
		most = max(most, due[i].y, completed[i].y)
	}
	step := roundStep(most)
	return chart{
		x: x,
		y: axis{
			high: step * math.Ceil(most/step),
			from: 584,
			to:   420,
		},
		yLabel: "requests per second",
		series: []series{
			{
				name:   "due",
				color:  "gray",
				points: due,
			},
			{
				name:   "completed",
				color:  "blue",
				points: completed,
			},
		},
	}
}

// perSecond counts the requests that were due and that completed in each second of a run. A last point ends the last
// step.
func perSecond(samples []Sample, seconds int) (due, completed []point) {
	if len(samples) == 0 {
		return nil, nil
	}
	due = make([]point, seconds+1)
	completed = make([]point, seconds+1)
	for i := range due {
		due[i].x = float64(i)
		completed[i].x = float64(i)
	}
	for _, s := range samples {
		due[s.Due/time.Second].y++
		if s.Completed > 0 {
			completed[s.Completed/time.Second].y++
		}
	}
	due[seconds].y = due[seconds-1].y
	completed[seconds].y = completed[seconds-1].y
	return due, completed
}

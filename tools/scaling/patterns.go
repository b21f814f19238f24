package scaling

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// smallRate is how many small multiplications a worker completes in a second, in full bundles, when nothing else needs
// its two cores or Postgres: 100,000 of 2×2 that waited took 2.2 seconds. smallCPU is what the worker took for one, and
// smallDatabase what Postgres takes to accept and to complete it.
const (
	smallRate     = 40_000
	smallSlots    = 16 // concurrency of a worker
	smallTime     = smallSlots * time.Second / smallRate
	smallCPU      = 10 * time.Microsecond
	smallDatabase = 40 * time.Microsecond
)

// The costs were measured on a core of an AMD EPYC (Zen 4) with OpenBLAS. Unless noted, operands are random and
// results are stored in Postgres. docs/scaling.md describes the measurement.
var (
	n2 = &Kind{
		Name:     "2×2",
		Queue:    small,
		Jobs:     1,
		CPU:      smallCPU,
		Waits:    smallTime - smallCPU - smallDatabase,
		Database: smallDatabase,
	}
	n1000 = &Kind{
		Name:     "1,000²",
		Queue:    tiles,
		Jobs:     1,
		CPU:      52 * time.Millisecond,
		Waits:    10 * time.Millisecond,
		Database: 42 * time.Millisecond,
	}
	n10000 = &Kind{
		Name:     "10,000²",
		Queue:    tiles,
		Jobs:     20,
		CPU:      1920 * time.Millisecond,
		Waits:    50 * time.Millisecond,
		Database: 235 * time.Millisecond,
	}
	// uploaded reads its operands from Postgres.
	uploaded = &Kind{
		Name:     "10,000², uploaded",
		Queue:    tiles,
		Jobs:     20,
		CPU:      2100 * time.Millisecond,
		Waits:    50 * time.Millisecond,
		Database: 1230 * time.Millisecond,
	}
	// urgent costs as much as n10000 and has a higher priority.
	urgent = &Kind{
		Name:     "10,000², urgent",
		Queue:    n10000.Queue,
		Jobs:     n10000.Jobs,
		CPU:      n10000.CPU,
		Waits:    n10000.Waits,
		Database: n10000.Database,
		Urgent:   true,
	}
	// builtin is the largest tile, without a BLAS library.
	builtin = &Kind{
		Name:     "largest tile, built-in kernel",
		Queue:    tiles,
		Jobs:     1,
		CPU:      time.Minute,
		Waits:    50 * time.Millisecond,
		Database: 235 * time.Millisecond,
	}
)

// quiet is the time before the first request of a pattern.
const quiet = time.Minute

// Arrival is the time and the kind of a request.
type Arrival struct {
	At   time.Duration
	Kind *Kind
}

// Pattern is a series of requests.
type Pattern struct {
	Name     string // part of file names
	Title    string
	Sudden   bool                              // whether tables tell how soon workers start and all is finished
	Arrivals func(chance *rand.Rand) []Arrival // in order of time
}

// Patterns returns those of docs/scaling.md.
func Patterns() []Pattern {
	return []Pattern{
		random("steady", "steady: 10 of 10,000², 60 of 1,000² and 300 of 2×2 a minute for an hour", time.Hour, constant,
			stream{n10000, 10}, stream{n1000, 60}, stream{n2, 300}),
		burst("burst-2", n2),
		burst("burst-1000", n1000),
		burst("burst-10000", n10000),
		burst("burst-uploaded", uploaded),
		spike("spike", "100 of 10,000² at once", n10000, 100),
		random("day", "a day, at noon 30 of 10,000², 60 of 1,000² and 60 of 2×2 a minute", 24*time.Hour, day,
			stream{n10000, 30}, stream{n1000, 60}, stream{n2, 60}),
	}
}

// burst returns 1,000 requests, evenly distributed over a minute.
func burst(name string, kind *Kind) Pattern {
	arrivals := func(*rand.Rand) []Arrival {
		var arrivals []Arrival
		for i := range 1000 {
			arrivals = append(arrivals, Arrival{quiet + time.Duration(i)*time.Minute/1000, kind})
		}
		return arrivals
	}
	return Pattern{
		Name:     name,
		Title:    "1,000 of " + kind.Name + " in a minute",
		Sudden:   true,
		Arrivals: arrivals,
	}
}

// spike returns requests that arrive at the same time.
func spike(name, title string, kind *Kind, count int) Pattern {
	return Pattern{
		Name:     name,
		Title:    title,
		Sudden:   true,
		Arrivals: func(*rand.Rand) []Arrival { return slices.Repeat([]Arrival{{quiet, kind}}, count) },
	}
}

// stream is a kind of request at its highest rate.
type stream struct {
	kind      *Kind
	perMinute float64
}

// random returns independent requests whose rates follow a shape between 0 and 1. They are Poisson processes of the
// highest rate, thinned out (Lewis and Shedler, 1979).
func random(name, title string, length time.Duration, shape func(at time.Duration) float64, streams ...stream) Pattern {
	arrivals := func(chance *rand.Rand) []Arrival {
		var arrivals []Arrival
		for _, s := range streams {
			mean := float64(time.Minute) / s.perMinute
			for at := quiet; at < length; at += time.Duration(mean * chance.ExpFloat64()) {
				if chance.Float64() < shape(at) {
					arrivals = append(arrivals, Arrival{at, s.kind})
				}
			}
		}
		slices.SortStableFunc(arrivals, func(a, b Arrival) int { return cmp.Compare(a.At, b.At) })
		return arrivals
	}
	return Pattern{
		Name:     name,
		Title:    title,
		Arrivals: arrivals,
	}
}

// constant is the shape of requests whose rate does not change.
func constant(time.Duration) float64 { return 1 }

// day is a shape that begins at midnight with a tenth of the rate at noon.
func day(at time.Duration) float64 { return 0.55 - 0.45*math.Cos(2*math.Pi*at.Hours()/24) }

package scaling

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// What products cost: on a core of an AMD EPYC (Zen 4) with OpenBLAS, operands random, results in Postgres unless it is said
// otherwise. docs/scaling.md says how it was measured.
var (
	n2     = &Product{"2×2", small, 1, 400 * time.Microsecond, 6 * time.Millisecond, 1600 * time.Microsecond, false}
	n1000  = &Product{"1,000²", tiles, 1, 52 * time.Millisecond, 10 * time.Millisecond, 42 * time.Millisecond, false}
	n10000 = &Product{"10,000²", tiles, 20, 1920 * time.Millisecond, 50 * time.Millisecond, 235 * time.Millisecond, false}
	// uploaded operands are read from Postgres, too.
	uploaded = &Product{"10,000², uploaded", tiles, 20, 2100 * time.Millisecond, 50 * time.Millisecond, 1230 * time.Millisecond, false}
	// urgent is what somebody waits for.
	urgent = &Product{"10,000², urgent", tiles, 20, n10000.CPU, n10000.Waits, n10000.Database, true}
	// builtin is what the largest tile takes without a BLAS library.
	builtin = &Product{"largest tile, built-in kernel", tiles, 1, time.Minute, 50 * time.Millisecond, 235 * time.Millisecond, false}
)

// quiet is how long nothing happens at the beginning of a pattern.
const quiet = time.Minute

// Arrival is a request.
type Arrival struct {
	At      time.Duration
	Product *Product
}

// Pattern is a way in which requests arrive.
type Pattern struct {
	Name, Title string
	Sudden      bool                              // it is of interest how soon it makes workers start
	Arrivals    func(chance *rand.Rand) []Arrival // in order of time
}

// Patterns are those of docs/scaling.md.
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

// burst is 1,000 requests, evenly in a minute.
func burst(name string, product *Product) Pattern {
	return Pattern{name, "1,000 of " + product.Name + " in a minute", true, func(*rand.Rand) []Arrival {
		var arrivals []Arrival
		for i := range 1000 {
			arrivals = append(arrivals, Arrival{quiet + time.Duration(i)*time.Minute/1000, product})
		}
		return arrivals
	}}
}

// spike is some requests at once.
func spike(name, title string, product *Product, count int) Pattern {
	return Pattern{name, title, true, func(*rand.Rand) []Arrival {
		return slices.Repeat([]Arrival{{quiet, product}}, count)
	}}
}

// stream is a kind of product that independent people ask for.
type stream struct {
	product   *Product
	perMinute float64
}

// random is independent requests, whose rates follow a shape between 0 and 1: Poisson processes of the highest rate,
// thinned out (Lewis and Shedler, 1979).
func random(name, title string, length time.Duration, shape func(at time.Duration) float64, streams ...stream) Pattern {
	return Pattern{name, title, false, func(chance *rand.Rand) []Arrival {
		var arrivals []Arrival
		for _, s := range streams {
			mean := float64(time.Minute) / s.perMinute
			for at := quiet; at < length; at += time.Duration(mean * chance.ExpFloat64()) {
				if chance.Float64() < shape(at) {
					arrivals = append(arrivals, Arrival{at, s.product})
				}
			}
		}
		slices.SortStableFunc(arrivals, func(a, b Arrival) int { return cmp.Compare(a.At, b.At) })
		return arrivals
	}}
}

func constant(time.Duration) float64 { return 1 }

// day begins at midnight with a tenth of what there is at noon.
func day(at time.Duration) float64 { return 0.55 - 0.45*math.Cos(2*math.Pi*at.Hours()/24) }

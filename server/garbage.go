package server

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
)

const (
	// smallHeapGarbage is how many bytes of garbage a small heap may have before they are collected. Small requests, and
	// small multiplications, leave little in memory and much garbage: at Go's default, which is as much as is in use, a
	// fifth of the time goes into collecting it.
	smallHeapGarbage = 64 << 20
	// leastGCPercent is Go's default, for a heap with more than smallHeapGarbage in use.
	leastGCPercent = 100
	// mostGCPercent is for a heap of next to nothing.
	mostGCPercent = 1600
)

// collectLess lets the heap of the process have smallHeapGarbage between two collections, or as much as is in use,
// unless GOGC says otherwise.
var collectLess = sync.OnceFunc(func() {
	if _, set := os.LookupEnv("GOGC"); !set {
		followHeap()
	}
})

// followHeap adapts GOGC after each collection from now on.
func followHeap() {
	afterCollection(&collection{
		percent: leastGCPercent,
		live:    []metrics.Sample{{Name: "/gc/heap/live:bytes"}},
	})
}

// collection is garbage for the next collection, which finds by it that there was one.
type collection struct {
	percent int // that is set
	live    []metrics.Sample
}

// afterCollection adapts GOGC to what the last collection has left, and has itself called after the next one.
func afterCollection(c *collection) {
	metrics.Read(c.live)
	if want := gcPercent(c.live[0].Value.Uint64()); want > c.percent*5/4 || want < c.percent*4/5 {
		debug.SetGCPercent(want)
		c.percent = want
	}
	runtime.SetFinalizer(c, afterCollection)
}

// gcPercent returns GOGC for a number of bytes in use.
func gcPercent(live uint64) int {
	return int(min(max(smallHeapGarbage*100/max(live, 1), leastGCPercent), mostGCPercent))
}

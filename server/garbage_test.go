package server

import (
	"runtime"
	"runtime/metrics"
	"testing"
	"time"
)

// TestGCPercent: a small heap may have smallHeapGarbage, a large one as much as is in use.
func TestGCPercent(t *testing.T) {
	t.Parallel()
	for live, want := range map[uint64]int{
		0:        1600,
		2 << 20:  1600,
		8 << 20:  800,
		16 << 20: 400,
		32 << 20: 200,
		64 << 20: 100,
		1 << 40:  100,
	} {
		if got := gcPercent(live); got != want {
			t.Errorf("with %d bytes in use GOGC is %d, want %d", live, got, want)
		}
	}
}

// TestCollectLess: GOGC follows what is in use, down and up. The test runs alone, since the setting is that of the
// process.
func TestCollectLess(t *testing.T) {
	collects := func(want string, right func(percent uint64) bool) {
		t.Helper()
		setting := []metrics.Sample{{Name: "/gc/gogc:percent"}}
		for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
			runtime.GC()
			if metrics.Read(setting); right(setting[0].Value.Uint64()) {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("GOGC is %d, want %s", setting[0].Value.Uint64(), want)
			}
		}
	}
	followHeap()
	collects("more than 200 for a small heap", func(percent uint64) bool { return percent > 200 })
	large := make([]byte, 256<<20)
	collects("100 for a large heap", func(percent uint64) bool { return percent == 100 })
	runtime.KeepAlive(large) // it is garbage after this
	collects("more than 200 again", func(percent uint64) bool { return percent > 200 })
}

package server

import (
	"context"
	"log/slog"
	"math"
	"runtime"
	"runtime/debug"
)

// tileMemory is what one tile takes of Go's memory limit, which is nine tenths of the container's: 400 MiB of that. It
// is 120 MiB at most for the tile itself, its share of the panels that are kept, and what the garbage collector leaves.
const tileMemory = 360 << 20

// panelShare is the part of the memory of all tiles in which panels of operands are, in eighths: those that are
// multiplied, and those that are kept because the next tiles of the same rows want them.
const panelShare = 5

// tiles returns the concurrency of tiles.
func (w Work) tiles() int {
	tiles, _ := w.slots(runtime.GOMAXPROCS(0), debug.SetMemoryLimit(-1))
	return tiles
}

// slots returns how many tiles a process with so many CPUs and so much memory computes at once, and why. Without a
// limit of the memory, Go reports the largest number.
func (w Work) slots(cpus int, memory int64) (tiles int, why string) {
	byMemory := int(max(1, min(math.MaxInt32, memory/tileMemory)))
	switch {
	case w.Tiles > 0:
		return w.Tiles, "--tiles"
	case byMemory < cpus:
		return byMemory, "the memory limit allows no more"
	}
	return cpus, "one for each CPU"
}

// panelBytes returns how many bytes of panels the process keeps at most.
func (w Work) panelBytes() int64 {
	memory := debug.SetMemoryLimit(-1)
	tiles, _ := w.slots(runtime.GOMAXPROCS(0), memory)
	return min(memory, int64(tiles)*tileMemory) / 8 * panelShare
}

// limitMemory lets a worker without a memory limit take what one with a limit takes: half of its memory are panels that
// are kept, and without a limit as much garbage could be beside them. The limit is a soft one.
func (w Work) limitMemory() {
	if debug.SetMemoryLimit(-1) == math.MaxInt64 {
		debug.SetMemoryLimit(int64(w.tiles()) * tileMemory)
	}
}

// logSlots says how many tiles the process computes at once, and why.
func (w Work) logSlots(log *slog.Logger) {
	cpus := runtime.GOMAXPROCS(0)
	memory := debug.SetMemoryLimit(-1)
	tiles, why := w.slots(cpus, memory)
	level := slog.LevelInfo
	if w.Tiles == 0 && tiles < cpus {
		level = slog.LevelWarn
	}
	attrs := []slog.Attr{
		slog.Int("tiles", tiles),
		slog.String("because", why),
		slog.Int("cpus", cpus),
		slog.Int64("panel_bytes", w.panelBytes()),
	}
	if memory < math.MaxInt64 {
		attrs = append(attrs, slog.Int64("memory_limit", memory))
	}
	//house:ignore bound writing to the log does not wait
	log.LogAttrs(context.Background(), level, "slots for tiles", attrs...)
}

package demo

import (
	"fmt"
	"strings"
	"time"

	"github.com/millrace/millrace/cli/terminal"
	"github.com/millrace/millrace/client"
)

// figures is what a demonstration measures.
type figures struct {
	upload         time.Duration // of both operands
	compute        time.Duration // from submission to completion
	download       time.Duration
	peakMemory     int64 // of the process, in bytes; 0: unknown
	multiplication client.Multiplication
}

// report prints the figures.
func (d *demo) report() {
	f := d.figures
	m := f.multiplication
	worked := f.compute
	if m.StartedAt != nil && m.FinishedAt != nil {
		worked = m.FinishedAt.Sub(*m.StartedAt)
	}
	n := float64(d.N)
	gflops := 2 * n * n * n / worked.Seconds() / 1e9
	line := func(title, value, unit, remark string) {
		text := fmt.Sprintf("  %-9s %8s %-3s %s", title, value, unit, remark)
		fmt.Fprintln(d.out, strings.TrimRight(text, " "))
	}
	seconds := func(d time.Duration) string { return fmt.Sprintf("%.2f", d.Seconds()) }
	fmt.Fprintln(d.out)
	line("upload", seconds(f.upload), "s", terminal.Rate(2*d.shape.Bytes(), f.upload))
	line("multiply", seconds(f.compute), "s",
		fmt.Sprintf("POST to completed; %.1f GFLOP/s from start to finish", gflops))
	line("download", seconds(f.download), "s", terminal.Rate(d.shape.Bytes(), f.download))
	line("total", seconds(f.upload+f.compute+f.download), "s", "")
	line("tiles", fmt.Sprint(m.Tiles.Total), "", fmt.Sprintf("of at most 2,560×2,048, %d attempts", m.Attempts))
	fmt.Fprintf(d.out, "  %-9s %s\n", "kernel", d.dev.info.Kernel)
	if f.peakMemory > 0 {
		mib := float64(f.peakMemory) / (1 << 20)
		line("memory", fmt.Sprintf("%.0f", mib), "MiB", "at most, API and workers in one process, without Postgres")
	}
}

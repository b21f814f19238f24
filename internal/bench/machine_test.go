package bench_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// machine is where the measurements were made.
type machine struct {
	CPU      string `json:"cpu"`
	Cores    int    `json:"cores"`
	Memory   string `json:"memory"`
	Kernel   string `json:"kernel"`
	Fsync    string `json:"fsync"`
	Postgres string `json:"postgres"`
	Date     string `json:"date"`
	Commit   string `json:"commit"`
}

// newMachine describes this machine, and the version of the own Postgres.
func newMachine(t *testing.T, s *subject, commit string) machine {
	t.Helper()
	m := machine{
		CPU:    valueIn("/proc/cpuinfo", "model name"),
		Cores:  runtime.NumCPU(),
		Memory: valueIn("/proc/meminfo", "MemTotal"),
		Kernel: firstLine("/proc/sys/kernel/osrelease"),
		Date:   time.Now().UTC().Format(time.DateOnly),
		Commit: commit,
	}
	if err := s.own.pool.QueryRow(t.Context(), "SHOW server_version").Scan(&m.Postgres); err != nil {
		t.Fatal(err)
	}
	d, err := fsyncTime(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	m.Fsync = fmt.Sprintf("%.2f ms", float64(d)/float64(time.Millisecond))
	return m
}

// String describes the machine in one line.
func (m machine) String() string {
	return fmt.Sprintf("%s, commit %s: %s, %d cores, %s of memory, Linux %s, fsync of 8 kB %s (median), PostgreSQL %s",
		m.Date, m.Commit, m.CPU, m.Cores, m.Memory, m.Kernel, m.Fsync, m.Postgres)
}

// valueIn returns the first value of a key in a file of /proc.
func valueIn(path, key string) string {
	text, _ := os.ReadFile(path) // unknown
	for line := range strings.Lines(string(text)) {
		name, value, found := strings.Cut(line, ":")
		if found && strings.TrimSpace(name) == key {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

func firstLine(path string) string {
	text, _ := os.ReadFile(path) // unknown
	line, _, _ := strings.Cut(string(text), "\n")
	return line
}

// fsyncTime returns the median time of a write of 8 kB with an fsync.
func fsyncTime(ctx context.Context, dir string) (time.Duration, error) {
	file, err := os.Create(filepath.Join(dir, "fsync"))
	if err != nil {
		return 0, err
	}
	defer file.Close()
	page := make([]byte, 8192)
	var all []time.Duration
	for i := 0; i < 200 && ctx.Err() == nil; i++ {
		began := time.Now()
		if _, err := file.WriteAt(page, 0); err != nil {
			return 0, err
		}
		if err := file.Sync(); err != nil {
			return 0, err
		}
		all = append(all, time.Since(began))
	}
	slices.Sort(all)
	return all[len(all)/2], ctx.Err()
}

package ledger_test

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// samples are what was measured during the soak: one value of each series for each time.
type samples struct {
	seconds []float64
	names   []string // in the order of their first values
	values  map[string][]float64
}

// add adds a value to a series that may be new.
func (s *samples) add(name string, value float64) {
	if s.values[name] == nil {
		s.names = append(s.names, name)
	}
	have := s.values[name]
	for len(have) < len(s.seconds)-1 {
		have = append(have, 0)
	}
	s.values[name] = append(have, value)
}

// soakSamples is how many samples a soak has.
const soakSamples = 120

// measure samples until the end of the soak.
func (d *deployment) measure(ctx context.Context) *samples {
	d.t.Helper()
	s := &samples{values: map[string][]float64{}}
	began := time.Now()
	for ticker := time.NewTicker(*soakFlag / soakSamples); ; {
		select {
		case <-ctx.Done():
			ticker.Stop()
			return s
		case <-ticker.C:
			s.seconds = append(s.seconds, time.Since(began).Seconds())
			d.sampleProcesses(s)
			d.sampleDatabase(s)
		}
	}
}

const mebibyte = 1 << 20

// sampleProcesses samples memory, goroutines and connections.
func (d *deployment) sampleProcesses(s *samples) {
	d.t.Helper()
	for i, p := range append([]*process{d.api}, d.workers...) {
		name := "API"
		if i > 0 {
			name = fmt.Sprintf("worker %d", i)
		}
		s.add("MiB of "+name, residentBytes(d.t, p.cmd.Process.Pid)/mebibyte)
		s.add("goroutines of "+name, p.goroutines(d.t))
	}
	const count = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'ledger%' OR application_name LIKE 'millrace%'"
	s.add("connections", float64(value[int64](d.cluster, count)))
}

var residentLine = regexp.MustCompile(`VmRSS:\s+(\d+) kB`)

// residentBytes returns how much memory a process has.
func residentBytes(t *testing.T, pid int) float64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	found := residentLine.FindSubmatch(text)
	if found == nil {
		t.Fatalf("no VmRSS in %s", text)
	}
	return number(t, string(found[1])) * 1024
}

var goroutineLine = regexp.MustCompile(`(?m)^go_goroutines (\S+)$`)

// goroutines returns how many a process has.
func (p *process) goroutines(t *testing.T) float64 {
	t.Helper()
	response, err := http.Get(opsAddress.FindStringSubmatch(p.log.String())[1] + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	found := goroutineLine.FindSubmatch(text)
	if found == nil {
		t.Fatalf("no go_goroutines in %s", text)
	}
	return number(t, string(found[1]))
}

func number(t *testing.T, text string) float64 {
	t.Helper()
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// table is what Postgres tells of a table.
type table struct {
	Name      string
	Bytes     int64 // with what is stored beside it
	Indexes   int64
	Dead      int64 // rows
	Autovacua int64
}

const tableSizes = `
SELECT relname, pg_table_size(relid), pg_indexes_size(relid), n_dead_tup, autovacuum_count FROM pg_stat_user_tables
WHERE relname IN ('river_job', 'inline_pending', 'inline_completed', 'multiplications', 'matrices', 'multiplication_events')
ORDER BY relname`

// sampleDatabase samples the sizes of tables and indexes, and of the block store.
func (d *deployment) sampleDatabase(s *samples) {
	d.t.Helper()
	var indexes, dead, vacua int64
	for _, t := range list[table](d.cluster, tableSizes) {
		s.add("MiB of "+t.Name, float64(t.Bytes)/mebibyte)
		indexes += t.Indexes
		dead += t.Dead
		vacua += t.Autovacua
	}
	s.add("MiB of indexes", float64(indexes)/mebibyte)
	s.add("thousands of dead rows", float64(dead)/1000)
	s.add("autovacuums", float64(vacua))
	s.add("MiB of the database", float64(value[int64](d.cluster, "SELECT pg_database_size(current_database())"))/mebibyte)
	s.add("MiB of blocks", directoryBytes(d.t, d.blocks)/mebibyte)
}

// directoryBytes sums up the files below a directory, in which others write and delete.
func directoryBytes(t *testing.T, dir string) (sum float64) {
	t.Helper()
	err := filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return skipMissing(err)
		}
		info, err := entry.Info()
		if err == nil {
			sum += float64(info.Size())
		}
		return skipMissing(err)
	})
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

func skipMissing(err error) error {
	if os.IsNotExist(err) {
		return nil
	}
	return err
}

// table returns the samples as a table in Markdown, of eight times.
func (s *samples) table() string {
	const times = 8
	var b strings.Builder
	b.WriteString("| |")
	var at []int
	for i := range times {
		n := (i + 1) * (len(s.seconds) - 1) / times
		at = append(at, n)
		fmt.Fprintf(&b, " %.1f min |", s.seconds[n]/60)
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", times) + "\n")
	for _, name := range s.names {
		fmt.Fprintf(&b, "| %s |", name)
		for _, n := range at {
			fmt.Fprintf(&b, " %.4g |", s.values[name][n])
		}
		b.WriteByte('\n')
	}
	return b.String()
}

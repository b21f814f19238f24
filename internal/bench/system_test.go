package bench_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/millrace/millrace/internal/devdb"
)

// TestSystem measures what -program names, and prints the figures as Markdown.
func TestSystem(t *testing.T) {
	if *programFlag == "" {
		t.Skip("nothing to measure without -program; TestShort checks the benchmark")
	}
	// The generator uses one core: several threads that wake each other take more time for the same.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	subjects := []*subject{deploy(t, "Millrace", *programFlag, devdb.Config{})}
	if *otherFlag != "" {
		subjects = append(subjects, deploy(t, "other", *otherFlag, devdb.Config{}))
	}
	if *besideFlag != "" {
		a, err := readAdapter(*besideFlag)
		if err != nil {
			t.Fatal(err)
		}
		subjects = append(subjects, &subject{adapter: a})
	}
	r, err := readReport(*resultsFlag)
	if err != nil {
		t.Fatal(err)
	}
	r.on(newMachine(t, subjects[0], *commitFlag))
	for _, s := range subjects {
		if !slices.Contains(r.Services, s.Name) {
			r.Services = append(r.Services, s.Name)
		}
	}
	measureAll(t, r, subjects, whole)
	fmt.Printf("\n%s\n", r.markdown())
	if *resultsFlag != "" {
		err = r.write(*resultsFlag)
	}
	if *docsFlag != "" {
		err = errors.Join(err, r.publish(*docsFlag))
	}
	if err != nil {
		t.Error(err)
	}
}

// measureAll measures the rows, each in alternating rounds of all services.
func measureAll(t *testing.T, r report, subjects []*subject, size sizes) {
	for _, row := range rows {
		if *rowsFlag != "" && !slices.Contains(strings.Split(*rowsFlag, ","), row.id) {
			continue
		}
		rounds := *roundsFlag
		if row.once {
			rounds = 1
		}
		for _, s := range subjects {
			r.forget(row.id, s.Name)
		}
		for range rounds {
			for _, s := range subjects {
				if row.own && s.own == nil {
					continue
				}
				result, err := locked(func() (sample, error) { return row.run(t, s, size) })
				if err != nil {
					t.Errorf("%s, %s: %v", row.id, s.Name, err)
					result.Note = "failed: " + err.Error()
				}
				r.add(row.id, s.Name, result)
				t.Logf("%s, %s: %s/s, p50 %s ms, p99 %s ms; %s", row.id, s.Name, figure(result.PerSecond), figure(result.P50),
					figure(result.P99), strings.Join(result.remarks(), "; "))
			}
		}
	}
}

// locked runs a round while it holds the lock of -lock: others that measure on this machine wait.
func locked(round func() (sample, error)) (sample, error) {
	if *lockFlag == "" {
		return round()
	}
	file, err := os.OpenFile(*lockFlag, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return sample{}, err
	}
	defer file.Close() // and with it the lock
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		return sample{}, err
	}
	return round()
}

// TestShort runs all rows with few multiplications: each must have figures, and the document must get them.
func TestShort(t *testing.T) {
	if *programFlag != "" {
		t.Skip("a measurement is running")
	}
	s := deploy(t, "Millrace", "", devdb.Config{NoFsync: true, NoDownload: true})
	r := report{Rows: map[string]map[string][]sample{}, Services: []string{s.Name}}
	r.Machine = newMachine(t, s, "none")
	*roundsFlag = 1
	measureAll(t, r, []*subject{s}, short)
	for _, row := range rows {
		samples := r.Rows[row.id][s.Name]
		if len(samples) != 1 || samples[0].PerSecond <= 0 && len(samples[0].Values) == 0 && samples[0].Note == "" {
			t.Errorf("%s has %+v, want one sample with figures", row.id, samples)
		}
	}
	docs := t.TempDir()
	if err := os.Mkdir(filepath.Join(docs, "images"), 0o700); err != nil {
		t.Fatal(err)
	}
	page := filepath.Join(docs, "performance.md")
	if err := os.WriteFile(page, []byte("before\n"+beginMark+"old\n"+endMark+"after\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := r.publish(docs); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	got := string(text)
	if !strings.HasPrefix(got, "before\n") || !strings.HasSuffix(got, "after\n") || strings.Contains(got, "old") {
		t.Errorf("the document is\n%s\nwant what was before and after the figures, and no old ones", got)
	}
	for _, want := range []string{rows[0].title, "images/system-tiles.svg", "images/system-chunk.svg"} {
		if !strings.Contains(got, want) {
			t.Errorf("the document lacks %q:\n%s", want, got)
		}
	}
	if plots, _ := filepath.Glob(filepath.Join(docs, "images", "*.svg")); len(plots) != 2 {
		t.Errorf("got the plots %v, want 2", plots)
	}
}

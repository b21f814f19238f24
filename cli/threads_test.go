package cli_test

import (
	"regexp"
	"runtime"
	"strconv"
	"testing"
)

var threadsLine = regexp.MustCompile(`(?m)^go_sched_gomaxprocs_threads (\d+)$`)

// threads returns how many threads run the code of a process.
func threads(t *testing.T, p *process) int {
	t.Helper()
	text := metricsText(t, opsOf.FindStringSubmatch(p.stderr.String())[1])
	found := threadsLine.FindSubmatch(text)
	if found == nil {
		t.Fatalf("no number of threads in %s", text)
	}
	n, err := strconv.Atoi(string(found[1]))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestSpareThreads: an API has more threads than CPUs, a worker as many, and both what GOMAXPROCS says.
func TestSpareThreads(t *testing.T) {
	t.Parallel()
	cpus := runtime.NumCPU()
	limited := runtime.GOMAXPROCS(0) < cpus // by the container of this test
	for _, tt := range []struct {
		env         []string
		api, worker int
	}{
		{nil, cpus + min(cpus, 4), cpus},
		{[]string{"GOMAXPROCS=3"}, 3, 3},
	} {
		if tt.env == nil && limited {
			continue
		}
		d := deploy(t)
		d.env = append(d.env, tt.env...)
		if got := threads(t, d.startAPI()); got != tt.api {
			t.Errorf("with %v an API has %d threads, want %d", tt.env, got, tt.api)
		}
		if got := threads(t, d.startWorker()); got != tt.worker {
			t.Errorf("with %v a worker has %d threads, want %d", tt.env, got, tt.worker)
		}
	}
}

package cli_test

import (
	"bytes"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
)

// exported is a metric as processes export it, or as it is documented.
type exported struct {
	kind   string
	labels string // sorted, separated by commas; "le" is left out
	roles  string // api, worker or all
}

var (
	typeLine  = regexp.MustCompile(`^# TYPE (\S+) (\S+)$`)
	labelName = regexp.MustCompile(`([a-z_]+)="`)
	opsOf     = regexp.MustCompile(`\bops=(\S+)`)
	// metricName matches the name of a metric of our processes in any text.
	metricName = regexp.MustCompile(`\b(?:millrace|river_queue|go|process)_[a-z0-9_]+[a-z0-9]\b`)
)

// metricsText returns what a process responds with to GET /metrics.
func metricsText(t *testing.T, ops string) []byte {
	t.Helper()
	response, err := http.Get(ops + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("GET /metrics = %s, %v, want 200", response.Status, err)
	}
	return text
}

// scrape returns the metrics of a process, which must be well-formed.
func scrape(t *testing.T, ops string) map[string]exported {
	t.Helper()
	text := metricsText(t, ops)
	problems, err := promlint.New(bytes.NewReader(text)).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("promlint: %+v, %v, want no problems", problems, err)
	}
	found := map[string]exported{}
	name := ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		if head := typeLine.FindStringSubmatch(line); head != nil {
			name = head[1]
			found[name] = exported{kind: head[2]}
		}
		if strings.HasPrefix(line, "#") {
			continue
		}
		labels := map[string]bool{}
		for _, label := range labelName.FindAllStringSubmatch(line, -1) {
			labels[label[1]] = true
		}
		delete(labels, "le")
		e := found[name]
		e.labels = strings.Join(slices.Sorted(maps.Keys(labels)), ",")
		found[name] = e
	}
	return found
}

// observe runs a process of each role and returns the metrics that they export together, after a multiplication.
func observe(t *testing.T) map[string]exported {
	t.Helper()
	d := deploy(t)
	main := d.startAPI()
	worker := d.startWorker()
	d.api.completes(d.api.submit(fewTiles))
	everything, dev := startDev(t, filepath.Join(t.TempDir(), "data"))
	devAPI := connect(t, dev.API)
	devAPI.completes(devAPI.submit(twoByTwo))

	ops := func(p *process) map[string]exported {
		return scrape(t, opsOf.FindStringSubmatch(p.stderr.String())[1])
	}
	all, fromWorker := ops(main), ops(worker)
	for name, e := range all {
		e.roles = "api"
		if w, ok := fromWorker[name]; ok {
			e.roles = "all"
			e.labels = max(e.labels, w.labels) // a vector without series exports no labels
		}
		all[name] = e
	}
	for name, e := range fromWorker {
		if _, ok := all[name]; !ok {
			e.roles = "worker"
			all[name] = e
		}
	}
	together := scrape(t, dev.Ops)
	for _, p := range []*process{main, worker, everything} {
		p.exit(syscall.SIGTERM)
	}
	for name := range all {
		if _, ok := together[name]; !ok {
			t.Errorf("dev does not export %s, want all that api and worker export", name)
		}
	}
	for name := range together {
		if _, ok := all[name]; !ok {
			t.Errorf("dev exports %s, want only what api and worker export", name)
		}
	}
	return all
}

// documented returns the table of docs/metrics.md.
func documented(t *testing.T) map[string]exported {
	t.Helper()
	row := regexp.MustCompile("(?m)^\\| `([a-z0-9_]+)` \\| (\\w+) \\| (\\w+) \\| (.*?) ?\\| .+ \\|$")
	rows := map[string]exported{}
	for _, cells := range row.FindAllStringSubmatch(read(t, "docs/metrics.md"), -1) {
		labels := strings.Split(strings.NewReplacer("`", "", " ", "").Replace(cells[4]), ",")
		slices.Sort(labels)
		rows[cells[1]] = exported{
			kind:   cells[2],
			roles:  cells[3],
			labels: strings.Join(labels, ","),
		}
	}
	if len(rows) == 0 {
		t.Fatal("docs/metrics.md has no table of metrics")
	}
	return rows
}

// read returns a file of the repository.
func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestMetrics: docs/metrics.md has exactly our metrics that the processes export, with type, labels and role. The
// metrics that the dashboard, the alerts and the documents name are exported.
func TestMetrics(t *testing.T) {
	t.Parallel()
	shown := observe(t)
	told := documented(t)
	for name, e := range shown {
		if strings.HasPrefix(name, "millrace_") || strings.HasPrefix(name, "river_") {
			if told[name] != e {
				t.Errorf("%s: exported is %+v, documented %+v", name, e, told[name])
			}
		}
	}
	for name := range told {
		if _, ok := shown[name]; !ok {
			t.Errorf("%s is documented, but no process exports it", name)
		}
	}
	for _, path := range []string{
		"docs/metrics.md", "docs/runbook.md", "kustomize/components/grafana/dashboard.json",
		"kustomize/components/prometheus/rules.yaml", "kustomize/components/prometheus/rules_test.yaml",
	} {
		names := metricName.FindAllString(read(t, path), -1)
		if len(names) == 0 {
			t.Errorf("%s names no metrics, want some", path)
		}
		for _, name := range names {
			family := regexp.MustCompile(`_(bucket|sum|count)$`).ReplaceAllString(name, "")
			if _, ok := shown[name]; !ok && shown[family].kind != "histogram" {
				t.Errorf("%s names %s, which no process exports", path, name)
			}
		}
	}
}

package cli_test

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// externalMetric matches an External metric of a HorizontalPodAutoscaler: its name, and the label that selects the
// series.
var externalMetric = regexp.MustCompile(`name: (\w+)\n\s+selector:\n\s+matchLabels:\n\s+(\w+): (\w+)\n`)

// TestAutoscalersMetric: an API that never had a job exports the series that the HPA of the workers asks for. How
// prometheus-adapter queries them is tested in tools/manifests.
func TestAutoscalersMetric(t *testing.T) {
	t.Parallel()
	asked := externalMetric.FindAllStringSubmatch(read(t, "kustomize/overlays/worker/hpa.yaml"), -1)
	if len(asked) != 2 {
		t.Errorf("the HPA asks for %d series, want 2, one of each queue: %q", len(asked), asked)
	}
	d := deploy(t)
	main := d.startAPI()
	exported := samples(t, opsOf.FindStringSubmatch(main.stderr.String())[1])
	for _, a := range asked {
		if series := fmt.Sprintf("%s{%s=%q}", a[1], a[2], a[3]); !exported[series] {
			t.Errorf("the API exports %v, want %s among them", exported, series)
		}
	}
	main.exit(syscall.SIGTERM)
}

// samples returns the series of a process's /metrics that have labels.
func samples(t *testing.T, ops string) map[string]bool {
	t.Helper()
	response, err := http.Get(ops + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		if series, _, ok := strings.Cut(line, "} "); ok {
			found[series+"}"] = true
		}
	}
	return found
}

package cli_test

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"text/template"

	autoscaling "k8s.io/api/autoscaling/v2"
	"sigs.k8s.io/yaml"
)

// adapterRule is an external rule of prometheus-adapter.
type adapterRule struct {
	SeriesQuery  string
	MetricsQuery string
	Resources    struct{ Namespaced *bool }
}

// query is what the adapter asks Prometheus for a series and labels: its MetricsQuery is a template of text/template.
func (r adapterRule) query(t *testing.T, series, labels string) string {
	t.Helper()
	text, err := template.New("").Delims("<<", ">>").Option("missingkey=error").Parse(r.MetricsQuery)
	if err != nil {
		t.Fatal(err)
	}
	var query bytes.Buffer
	if err := text.Execute(&query, map[string]string{"Series": series, "LabelMatchers": labels}); err != nil {
		t.Fatal(err)
	}
	return query.String()
}

var selector = regexp.MustCompile(`(\w+)\{(\w+)="(\w+)"\}`)

// TestAutoscalersMetric: the metrics that the workers' HPA asks for have a rule in prometheus-adapter, and what that rule asks
// Prometheus for is what an API exports, also when nothing was ever queued.
func TestAutoscalersMetric(t *testing.T) {
	t.Parallel()
	var hpa autoscaling.HorizontalPodAutoscaler
	readYAML(t, "../kustomize/overlays/worker/hpa.yaml", &hpa)
	var adapter struct{ ExternalRules []adapterRule }
	readYAML(t, "../kustomize/components/prometheus-adapter/config.yaml", &adapter)
	d := deploy(t)
	main := d.startAPI()
	exported := samples(t, opsOf.FindStringSubmatch(main.stderr.String())[1])

	external := 0
	for _, metric := range hpa.Spec.Metrics {
		if metric.Type != autoscaling.ExternalMetricSourceType {
			continue
		}
		external++
		name, labels := metric.External.Metric.Name, metric.External.Metric.Selector.MatchLabels
		if len(labels) != 1 || labels["queue"] == "" {
			t.Fatalf("labels %v", labels)
		}
		rules := 0
		for _, rule := range adapter.ExternalRules {
			if rule.SeriesQuery != name {
				continue
			}
			rules++
			if rule.Resources.Namespaced == nil || *rule.Resources.Namespaced {
				t.Error("the depth belongs to no namespace")
			}
			query := rule.query(t, name, `queue="`+labels["queue"]+`"`)
			asked := selector.FindStringSubmatch(query)
			if asked == nil || !exported[asked[0]] {
				t.Errorf("the adapter asks for %s, the API exports no such series: %v", query, exported)
			}
			if !strings.HasPrefix(query, "max ") {
				t.Errorf("%s: several APIs report the same depth", query)
			}
		}
		if rules != 1 {
			t.Errorf("prometheus-adapter has %d rules for %s", rules, name)
		}
	}
	if external != 2 {
		t.Errorf("the HPA asks for %d queues", external)
	}
	main.exit(syscall.SIGTERM)
}

// samples returns the series of a process's /metrics that have labels.
func samples(t *testing.T, ops string) map[string]bool {
	t.Helper()
	answer, err := http.Get(ops + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
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

func readYAML(t *testing.T, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalStrict(text, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

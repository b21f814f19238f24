package manifests_test

import (
	"bytes"
	"strings"
	"testing"
	"text/template"

	autoscaling "k8s.io/api/autoscaling/v2"
)

// adapterRule is an external rule of prometheus-adapter.
type adapterRule struct {
	SeriesQuery  string
	MetricsQuery string
	Resources    struct {
		Namespaced *bool
		Overrides  map[string]struct{ Resource string }
	}
}

// query returns the PromQL query of the adapter for a series and labels. Its MetricsQuery is a template of
// text/template.
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

// TestAdapterHasTheMetricsOfTheHPA: each External metric of the workers' HPA has one rule in prometheus-adapter,
// which queries the series of that name and queue. That an API exports these series is tested in cli.
func TestAdapterHasTheMetricsOfTheHPA(t *testing.T) {
	t.Parallel()
	var hpa autoscaling.HorizontalPodAutoscaler
	readStrict(t, "kustomize/overlays/worker/hpa.yaml", &hpa)
	var adapter struct{ ExternalRules []adapterRule }
	readStrict(t, "kustomize/overlays/prometheus-adapter/config.yaml", &adapter)

	external := 0
	for _, metric := range hpa.Spec.Metrics {
		if metric.Type != autoscaling.ExternalMetricSourceType {
			continue
		}
		external++
		name, labels := metric.External.Metric.Name, metric.External.Metric.Selector.MatchLabels
		if len(labels) != 1 || labels["queue"] == "" {
			t.Fatalf("labels of %s = %v, want a queue only", name, labels)
		}
		rules := 0
		for _, rule := range adapter.ExternalRules {
			if rule.SeriesQuery != name {
				continue
			}
			rules++
			if r := rule.Resources; r.Namespaced != nil || r.Overrides["namespace"].Resource != "namespace" {
				t.Errorf("resources of the rule for %s = %+v, want the namespace from the label of that name", name, r)
			}
			matcher := `queue="` + labels["queue"] + `"`
			query := rule.query(t, name, matcher)
			series := name + "{" + matcher + "}"
			// Every API reports the same depth, so the maximum is right and the sum is not.
			if !strings.HasPrefix(query, "max ") || !strings.Contains(query, series) {
				t.Errorf("query of prometheus-adapter = %s, want the maximum of %s", query, series)
			}
		}
		if rules != 1 {
			t.Errorf("rules of prometheus-adapter for %s = %d, want 1", name, rules)
		}
	}
	if external != 2 {
		t.Errorf("External metrics of the HPA = %d, want 2, one for each queue", external)
	}
}

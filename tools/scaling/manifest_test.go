package scaling

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	autoscaling "k8s.io/api/autoscaling/v2"
)

const shippedManifest = "../../kustomize/overlays/worker/hpa.yaml"

func shipped(t *testing.T) *autoscaling.HorizontalPodAutoscaler {
	t.Helper()
	hpa, err := ReadHPA(shippedManifest)
	if err != nil {
		t.Fatal(err)
	}
	return hpa
}

// TestShippedManifest: there is one target per queue, on the metric that the API exports, and the CPU's.
func TestShippedManifest(t *testing.T) {
	t.Parallel()
	var queuesSeen []string
	cpu := 0
	for _, m := range shipped(t).Spec.Metrics {
		switch {
		case m.External != nil && m.External.Metric.Name == MetricName && m.External.Target.Type == autoscaling.AverageValueMetricType:
			queuesSeen = append(queuesSeen, m.External.Metric.Selector.MatchLabels["queue"])
		case m.Resource != nil && m.Resource.Name == "cpu" && m.Resource.Target.Type == autoscaling.UtilizationMetricType:
			cpu++
		default:
			t.Errorf("unexpected metric %+v", m)
		}
	}
	if strings.Join(queuesSeen, " ") != "tiles small" || cpu != 1 {
		t.Errorf("queues %v, %d of CPU", queuesSeen, cpu)
	}
}

// TestOneWorkerAtATime: the next worker is stopped when the last one has had its soft stop.
func TestOneWorkerAtATime(t *testing.T) {
	t.Parallel()
	down := shipped(t).Spec.Behavior.ScaleDown
	if len(down.Policies) != 1 || down.Policies[0].Type != autoscaling.PodsScalingPolicy || down.Policies[0].Value != 1 ||
		seconds(down.Policies[0].PeriodSeconds) <= DefaultModel().SoftStop {
		t.Errorf("%+v", down)
	}
}

func TestReadHPADefaults(t *testing.T) {
	t.Parallel()
	hpa, err := ReadHPA(writeManifest(t, `
  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 50}}}]
  behavior: {}`))
	if err != nil {
		t.Fatal(err)
	}
	up, down := hpa.Spec.Behavior.ScaleUp, hpa.Spec.Behavior.ScaleDown
	if *hpa.Spec.MinReplicas != 1 || *up.StabilizationWindowSeconds != 0 || len(up.Policies) != 2 || *up.SelectPolicy != "Max" {
		t.Errorf("%+v", up)
	}
	if *down.StabilizationWindowSeconds != 300 || down.Policies[0] != percent(100) {
		t.Errorf("%+v", down)
	}
}

func TestReadHPARefuses(t *testing.T) {
	t.Parallel()
	for name, spec := range map[string]string{
		"a misspelt field": "\n  maxReplica: 3",
		"no behavior":      "\n  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 50}}}]",
		"no metrics":       "\n  behavior: {}",
	} {
		if _, err := ReadHPA(writeManifest(t, spec)); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	if _, err := ReadHPA(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a missing file is accepted")
	}
}

func writeManifest(t *testing.T, spec string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "hpa.yaml")
	text := "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nspec:\n  maxReplicas: 10" + spec + "\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

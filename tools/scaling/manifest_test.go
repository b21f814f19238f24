package scaling

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
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

// TestShippedManifest: the HPA has a target for each queue, on the metric that the API exports, and one for the CPU.
func TestShippedManifest(t *testing.T) {
	t.Parallel()
	var got []string
	for _, m := range shipped(t).Spec.Metrics {
		switch {
		case m.External != nil && m.External.Target.Type == autoscaling.AverageValueMetricType:
			got = append(got, m.External.Metric.Name+" "+m.External.Metric.Selector.MatchLabels["queue"])
		case m.ContainerResource != nil && m.ContainerResource.Target.Type == autoscaling.UtilizationMetricType:
			got = append(got, m.ContainerResource.Container+" "+string(m.ContainerResource.Name))
		default:
			t.Errorf("metric of a type that is not simulated: %+v", m)
		}
	}
	if want := []string{MetricName + " tiles", MetricName + " small", "millrace cpu"}; !slices.Equal(got, want) {
		t.Errorf("metrics of the HPA = %q, want %q", got, want)
	}
}

// TestOneWorkerAtATime: the shipped HPA stops one worker at a time, and the next one after the soft stop of the one
// before.
func TestOneWorkerAtATime(t *testing.T) {
	t.Parallel()
	policies := shipped(t).Spec.Behavior.ScaleDown.Policies
	if len(policies) != 1 || policies[0].Type != autoscaling.PodsScalingPolicy || policies[0].Value != 1 ||
		seconds(policies[0].PeriodSeconds) <= DefaultModel().SoftStop {
		t.Errorf("policies for scaling down = %+v, want 1 pod in more than %v", policies, DefaultModel().SoftStop)
	}
}

const cpuMetric = `{type: ContainerResource,
    containerResource: {name: cpu, container: millrace, target: {type: Utilization, averageUtilization: 50}}}`

func TestReadHPADefaults(t *testing.T) {
	t.Parallel()
	hpa, err := ReadHPA(writeManifest(t, "\n  metrics: ["+cpuMetric+"]\n  behavior: {}"))
	if err != nil {
		t.Fatal(err)
	}
	if got := *hpa.Spec.MinReplicas; got != 1 {
		t.Errorf("minReplicas = %d, want 1", got)
	}
	behavior := hpa.Spec.Behavior
	if want := rules(0, "Max", pods(4, 15), percent(100)); !reflect.DeepEqual(behavior.ScaleUp, want) {
		t.Errorf("rules for scaling up = %v, want %v", behavior.ScaleUp, want)
	}
	if want := rules(300, "Max", percent(100)); !reflect.DeepEqual(behavior.ScaleDown, want) {
		t.Errorf("rules for scaling down = %v, want %v", behavior.ScaleDown, want)
	}
}

func TestReadHPARefuses(t *testing.T) {
	t.Parallel()
	for name, spec := range map[string]string{
		"a misspelt field": "\n  maxReplica: 3",
		"no behavior":      "\n  metrics: [" + cpuMetric + "]",
		"no metrics":       "\n  behavior: {}",
	} {
		if _, err := ReadHPA(writeManifest(t, spec)); err == nil {
			t.Errorf("ReadHPA() accepts %s, want an error", name)
		}
	}
	if _, err := ReadHPA(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("ReadHPA() accepts a missing file, want an error")
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

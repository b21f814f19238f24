// Package manifests_test checks that the manifests in kustomize/ agree with each other and with what Millrace needs.
// scripts/check-manifests.sh builds them, checks the output against the schemas of Kubernetes, and runs the tests of
// built manifests.
package manifests_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	apps "k8s.io/api/apps/v1"
	autoscaling "k8s.io/api/autoscaling/v2"
	"k8s.io/apimachinery/pkg/api/resource"
	"sigs.k8s.io/yaml"
)

// read returns a file of the repository.
func read(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", path))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// readYAML parses a YAML file and ignores fields that into does not have.
func readYAML(t *testing.T, path string, into any) {
	t.Helper()
	if err := yaml.Unmarshal(read(t, path), into); err != nil {
		t.Fatalf("parsing %s: %v", path, err)
	}
}

// readStrict parses a YAML file and fails at fields that into does not have.
func readStrict(t *testing.T, path string, into any) {
	t.Helper()
	if err := yaml.UnmarshalStrict(read(t, path), into); err != nil {
		t.Fatalf("parsing %s: %v", path, err)
	}
}

// scaledObject has the fields of KEDA's resource that are compared here.
type scaledObject struct {
	Spec struct {
		MinReplicaCount int32
		MaxReplicaCount int32
		Fallback        any
		Triggers        []struct {
			Type     string
			Metadata map[string]string
		}
		Advanced struct {
			HorizontalPodAutoscalerConfig struct {
				Behavior *autoscaling.HorizontalPodAutoscalerBehavior
			}
		}
	}
}

// TestKEDAHasTheNumbersOfTheHPA: the two autoscalers of the workers have the same metrics, targets, behavior, minimum
// and maximum, and leave the number of workers as it is when a metric is missing. KEDA's default takes a missing one
// for an empty queue, and a fallback would replace it by a number.
func TestKEDAHasTheNumbersOfTheHPA(t *testing.T) {
	t.Parallel()
	var hpa autoscaling.HorizontalPodAutoscaler
	readStrict(t, "kustomize/overlays/worker/hpa.yaml", &hpa)
	var keda scaledObject
	readYAML(t, "kustomize/components/keda/scaled-object.yaml", &keda)
	if got, want := keda.Spec.MaxReplicaCount, hpa.Spec.MaxReplicas; got != want {
		t.Errorf("maxReplicaCount of KEDA = %d, want %d as in the HPA", got, want)
	}
	if got, want := keda.Spec.MinReplicaCount, *hpa.Spec.MinReplicas; got != want {
		t.Errorf("minReplicaCount of KEDA = %d, want %d as in the HPA", got, want)
	}
	if keda.Spec.Fallback != nil {
		t.Errorf("fallback of KEDA = %v, want none", keda.Spec.Fallback)
	}
	behavior := keda.Spec.Advanced.HorizontalPodAutoscalerConfig.Behavior
	if want := hpa.Spec.Behavior; !reflect.DeepEqual(behavior, want) {
		t.Errorf("behavior of KEDA = %v, want %v as in the HPA", behavior, want)
	}
	if got, want := len(keda.Spec.Triggers), len(hpa.Spec.Metrics); got != want {
		t.Fatalf("triggers of KEDA = %d, want %d, the metrics of the HPA", got, want)
	}
	for i, metric := range hpa.Spec.Metrics {
		got := keda.Spec.Triggers[i].Metadata
		want := triggerOf(metric)
		for key := range want {
			if got[key] != want[key] {
				t.Errorf("%s of trigger %d of KEDA = %q, want %q as in the HPA", key, i, got[key], want[key])
			}
		}
	}
}

// triggerOf returns the metadata with which a trigger of KEDA means the same as a metric of an HPA.
func triggerOf(metric autoscaling.MetricSpec) map[string]string {
	if c := metric.ContainerResource; c != nil {
		return map[string]string{
			"containerName": c.Container,
			"value":         strconv.Itoa(int(*c.Target.AverageUtilization)),
		}
	}
	queue := metric.External.Metric.Selector.MatchLabels["queue"]
	return map[string]string{
		"query":            fmt.Sprintf("max(%s{queue=%q,namespace=%q})", metric.External.Metric.Name, queue, "millrace"),
		"ignoreNullValues": "false",
		"threshold":        strconv.FormatInt(metric.External.Target.AverageValue.Value(), 10),
	}
}

// afterSoftStop is how long a process may run after its soft stop: it tries to store a computed tile for up to 30 s
// (storeTimeout in jobs/worker_tile.go), and 5 s are left for the rest.
const afterSoftStop = 30*time.Second + 5*time.Second

// TestGracePeriods: the grace period of the pods, and that of the containers in compose.yaml, follow from the soft
// stop.
func TestGracePeriods(t *testing.T) {
	t.Parallel()
	softStop := setting(t, "MILLRACE_SOFT_STOP")
	var base apps.Deployment
	readStrict(t, "kustomize/base/deployment.yaml", &base)
	grace := time.Duration(*base.Spec.Template.Spec.TerminationGracePeriodSeconds) * time.Second
	if want := softStop + afterSoftStop; grace != want {
		t.Errorf("grace period of the pods = %s, want %s, the soft stop and %s", grace, want, afterSoftStop)
	}
	var compose struct {
		Millrace struct {
			Environment map[string]string
			Grace       string `json:"stop_grace_period"`
		} `json:"x-millrace"`
	}
	readYAML(t, "compose.yaml", &compose)
	if got := compose.Millrace.Environment["MILLRACE_SOFT_STOP"]; got != softStop.String() {
		t.Errorf("MILLRACE_SOFT_STOP of compose.yaml = %s, want %s", got, softStop)
	}
	if got := compose.Millrace.Environment["MILLRACE_STOP_WITHIN"]; got != compose.Millrace.Grace {
		t.Errorf("MILLRACE_STOP_WITHIN of compose.yaml = %s, want %s, its stop_grace_period", got, compose.Millrace.Grace)
	}
	if got, want := compose.Millrace.Grace, strconv.Itoa(int(grace.Seconds()))+"s"; got != want {
		t.Errorf("stop_grace_period of compose.yaml = %s, want %s", got, want)
	}
}

// setting returns a duration from the settings that all processes share.
func setting(t *testing.T, name string) time.Duration {
	t.Helper()
	const path = "kustomize/base/settings.env"
	for line := range strings.Lines(string(read(t, path))) {
		if value, found := strings.CutPrefix(strings.TrimSpace(line), name+"="); found {
			d, err := time.ParseDuration(value)
			if err != nil {
				t.Fatal(err)
			}
			return d
		}
	}
	t.Fatalf("%s has no %s", path, name)
	return 0
}

// TestComposeHasLimits: the containers of compose.yaml have the limits of the pods.
func TestComposeHasLimits(t *testing.T) {
	t.Parallel()
	var compose struct {
		Services map[string]struct {
			CPUs   any    `json:"cpus"`
			Memory string `json:"mem_limit"`
		}
	}
	readYAML(t, "compose.yaml", &compose)
	byDefault := regexp.MustCompile(`\$\{\w+:-(\w+)\}`)
	for _, role := range []string{"api", "worker"} {
		var pod apps.Deployment
		readStrict(t, "kustomize/overlays/"+role+"/deployment.yaml", &pod)
		want := pod.Spec.Template.Spec.Containers[0].Resources.Limits
		service := compose.Services[role]
		cpus := byDefault.ReplaceAllString(fmt.Sprint(service.CPUs), "$1")
		// Docker's units are Kubernetes' without the i: m is 2²⁰ bytes.
		memory, err := resource.ParseQuantity(strings.ToUpper(byDefault.ReplaceAllString(service.Memory, "$1")) + "i")
		if err != nil || cpus != want.Cpu().String() || memory.Cmp(*want.Memory()) != 0 {
			t.Errorf("limits of %s in compose.yaml = %s CPUs, %s (%v), want %v as of its pods",
				role, cpus, service.Memory, err, want)
		}
	}
}

// TestDashboardIsJSON: Grafana leaves out a dashboard that it cannot parse, and reports it in its log only.
func TestDashboardIsJSON(t *testing.T) {
	t.Parallel()
	const path = "kustomize/components/grafana/dashboard.json"
	if !json.Valid(read(t, path)) {
		t.Errorf("%s is not valid JSON", path)
	}
}

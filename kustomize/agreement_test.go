// Package kustomize_test holds the manifests against each other and against what Millrace needs. What they are built to is held
// against the schemas of Kubernetes by scripts/check-manifests.sh, which runs the tests of built manifests, too.
package kustomize_test

import (
	"encoding/json"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	apps "k8s.io/api/apps/v1"
	autoscaling "k8s.io/api/autoscaling/v2"
	core "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// read parses a YAML file strictly into what is given.
func read(t *testing.T, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalStrict(text, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// scaledObject is what of KEDA's resource is looked at here.
type scaledObject struct {
	Spec struct {
		MaxReplicaCount int32
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

// TestKEDAHasTheNumbersOfTheHPA: the two autoscalers of the workers differ only in that KEDA removes the last one.
func TestKEDAHasTheNumbersOfTheHPA(t *testing.T) {
	t.Parallel()
	var hpa autoscaling.HorizontalPodAutoscaler
	read(t, "overlays/worker/hpa.yaml", &hpa)
	var keda scaledObject
	text, err := os.ReadFile("components/keda/scaled-object.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &keda); err != nil {
		t.Fatal(err)
	}
	if keda.Spec.MaxReplicaCount != hpa.Spec.MaxReplicas {
		t.Errorf("%d and %d workers at most", keda.Spec.MaxReplicaCount, hpa.Spec.MaxReplicas)
	}
	if !reflect.DeepEqual(keda.Spec.Advanced.HorizontalPodAutoscalerConfig.Behavior, hpa.Spec.Behavior) {
		t.Error("the behaviors differ")
	}
	if len(keda.Spec.Triggers) != len(hpa.Spec.Metrics) {
		t.Fatalf("%d triggers and %d metrics", len(keda.Spec.Triggers), len(hpa.Spec.Metrics))
	}
	for i, metric := range hpa.Spec.Metrics {
		trigger := keda.Spec.Triggers[i].Metadata
		if metric.External == nil {
			if percent := strconv.Itoa(int(*metric.Resource.Target.AverageUtilization)); trigger["value"] != percent {
				t.Errorf("%s of %v: %s and %s %%", metric.Resource.Name, trigger, trigger["value"], percent)
			}
			continue
		}
		query := "max(" + metric.External.Metric.Name + "{queue=" + strconv.Quote(metric.External.Metric.Selector.MatchLabels["queue"]) + "})"
		if trigger["query"] != query || trigger["threshold"] != strconv.FormatInt(metric.External.Target.AverageValue.Value(), 10) {
			t.Errorf("%v, the HPA has %s at %s", trigger, query, metric.External.Target.AverageValue)
		}
	}
}

// What a process may still do after the soft stop: it tries for up to 30 s to store a computed tile (finishTimeout in jobs/).
const afterSoftStop = 30*time.Second + 5*time.Second

// TestGracePeriods: the grace period of the pods, and that of the containers of compose.yaml, follow from the soft stop.
func TestGracePeriods(t *testing.T) {
	t.Parallel()
	softStop := setting(t, "MILLRACE_SOFT_STOP")
	var base, api apps.Deployment
	read(t, "base/deployment.yaml", &base)
	grace := time.Duration(*base.Spec.Template.Spec.TerminationGracePeriodSeconds) * time.Second
	if grace != softStop+afterSoftStop {
		t.Errorf("the grace period is %s, the soft stop %s: they must be %s apart", grace, softStop, afterSoftStop)
	}
	read(t, "overlays/api/deployment.yaml", &api)
	for _, env := range api.Spec.Template.Spec.Containers[0].Env {
		if env.Name != "MILLRACE_DRAIN" {
			continue
		}
		if drain, err := time.ParseDuration(env.Value); err != nil || drain+softStop >= grace {
			t.Errorf("drain %s and soft stop %s do not fit into %s: %v", env.Value, softStop, grace, err)
		}
	}
	var compose struct {
		Millrace struct {
			Environment map[string]string
			Grace       string `json:"stop_grace_period"`
		} `json:"x-millrace"`
	}
	text, err := os.ReadFile("../compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &compose); err != nil {
		t.Fatal(err)
	}
	if m := compose.Millrace; m.Environment["MILLRACE_SOFT_STOP"] != softStop.String() || m.Grace != strconv.Itoa(int(grace.Seconds()))+"s" {
		t.Errorf("compose.yaml has a soft stop of %s and a grace period of %s", m.Environment["MILLRACE_SOFT_STOP"], m.Grace)
	}
}

// setting returns a duration from the settings that all processes share.
func setting(t *testing.T, name string) time.Duration {
	t.Helper()
	text, err := os.ReadFile("base/settings.env")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if value, found := strings.CutPrefix(strings.TrimSpace(line), name+"="); found {
			d, err := time.ParseDuration(value)
			if err != nil {
				t.Fatal(err)
			}
			return d
		}
	}
	t.Fatalf("base/settings.env has no %s", name)
	return 0
}

// TestWorkersUseWhatTheyAskFor: the HPA's opinion on the CPU is a part of the request, and means something only if that is also
// the limit. The limit is what Go takes its parallelism from.
func TestWorkersUseWhatTheyAskFor(t *testing.T) {
	t.Parallel()
	var worker apps.Deployment
	read(t, "overlays/worker/deployment.yaml", &worker)
	r := worker.Spec.Template.Spec.Containers[0].Resources
	if request, limit := r.Requests[core.ResourceCPU], r.Limits[core.ResourceCPU]; request.Cmp(limit) != 0 || limit.IsZero() {
		t.Errorf("the CPU request is %s, the limit %s", request.String(), limit.String())
	}
}

// TestDashboardIsJSON: Grafana would leave out a dashboard that it cannot read, and say so in its log only.
func TestDashboardIsJSON(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("components/grafana/dashboard.json")
	if err != nil || !json.Valid(text) {
		t.Errorf("%v", err)
	}
}

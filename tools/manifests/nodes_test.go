package manifests_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	apps "k8s.io/api/apps/v1"
	autoscaling "k8s.io/api/autoscaling/v2"
)

// daemons is what the daemon sets of a node take of its CPU, in thousandths of a core: the assumption of
// docs/deploy.md.
const daemons = 200

// allocatable returns what a node has for pods, in thousandths of a core: kubelets reserve 6 % of the first core, 1 %
// of the second, 0.5 % of the next two, and 0.25 % of the others, as GKE, EKS and AKS have it.
func allocatable(cores int64) int64 {
	reserved := 60 + 10*min(1, cores-1) + 5*min(2, max(0, cores-2)) + 5*max(0, cores-4)/2
	return 1000*cores - reserved
}

// worker returns the Deployment of the workers.
func worker(t *testing.T) apps.Deployment {
	t.Helper()
	var d apps.Deployment
	readStrict(t, "kustomize/overlays/worker/deployment.yaml", &d)
	return d
}

// TestWorkersFillNodes: a worker fits twice into a node of four cores, and the table of docs/deploy.md says how many
// fit into others.
func TestWorkersFillNodes(t *testing.T) {
	t.Parallel()
	resources := worker(t).Spec.Template.Spec.Containers[0].Resources
	request, limit := resources.Requests.Cpu().MilliValue(), resources.Limits.Cpu().MilliValue()
	fit := func(cores int64) int64 { return (allocatable(cores) - daemons) / request }
	if got := fit(4); got != 2 {
		t.Errorf("workers on a node of four cores = %d, want 2: a worker requests %dm", got, request)
	}
	text := string(read(t, "docs/deploy.md"))
	for _, cores := range []int64{2, 4, 8, 16, 32} {
		n := fit(cores)
		row := fmt.Sprintf("| %d | %d | %d %% |", cores, n, min(100, 100*n*limit/(1000*cores)))
		if !strings.Contains(text, row) {
			t.Errorf("docs/deploy.md lacks the row %q", row)
		}
	}
}

// TestBusyWorkersAskForHelp: the HPA measures CPU in per cent of the request, and Go takes its parallelism from the
// limit. The target is about four fifths of the limit: a worker that is always busy is above it by more than the
// tenth that the controller ignores.
func TestBusyWorkersAskForHelp(t *testing.T) {
	t.Parallel()
	container := worker(t).Spec.Template.Spec.Containers[0]
	request, limit := container.Resources.Requests.Cpu().MilliValue(), container.Resources.Limits.Cpu().MilliValue()
	var hpa autoscaling.HorizontalPodAutoscaler
	readStrict(t, "kustomize/overlays/worker/hpa.yaml", &hpa)
	for _, metric := range hpa.Spec.Metrics {
		cpu := metric.ContainerResource
		if cpu == nil {
			continue
		}
		if cpu.Container != container.Name {
			t.Errorf("container of the CPU metric = %s, want %s", cpu.Container, container.Name)
		}
		if ofLimit := int64(*cpu.Target.AverageUtilization) * request / limit; ofLimit < 78 || ofLimit > 82 {
			t.Errorf("target of CPU = %d %% of the limit, want 78 to 82", ofLimit)
		}
		return
	}
	t.Error("the HPA has no target of CPU for one container")
}

// TestHPAsIgnoreSidecars: no HPA has a metric of whole pods, which is missing where a sidecar has no request.
func TestHPAsIgnoreSidecars(t *testing.T) {
	t.Parallel()
	for _, role := range []string{"api", "worker"} {
		var hpa autoscaling.HorizontalPodAutoscaler
		readStrict(t, "kustomize/overlays/"+role+"/hpa.yaml", &hpa)
		for _, metric := range hpa.Spec.Metrics {
			if metric.Resource != nil {
				t.Errorf("HPA of the role %s: %s is that of whole pods, want one of a container", role, metric.Resource.Name)
			}
		}
	}
}

// aggregation is an operator of PromQL that merges the series of several installations.
var aggregation = regexp.MustCompile(`\b(sum|min|max|avg|count|group|quantile)\b *(by \(([^)]*)\))? *\(`)

// TestAlertsNameTheirInstallation: no expression of an alert merges the series of several namespaces.
func TestAlertsNameTheirInstallation(t *testing.T) {
	t.Parallel()
	var rules struct {
		Groups []struct {
			Rules []struct{ Alert, Expr string }
		}
	}
	readYAML(t, "kustomize/components/prometheus/rules.yaml", &rules)
	seen := 0
	for _, group := range rules.Groups {
		for _, rule := range group.Rules {
			for _, found := range aggregation.FindAllStringSubmatch(rule.Expr, -1) {
				seen++
				if !strings.Contains(found[3], "namespace") {
					t.Errorf("%s has %q, want it by (namespace)", rule.Alert, found[0])
				}
			}
		}
	}
	if seen == 0 {
		t.Error("no alert aggregates, want some")
	}
}

// TestDashboardNamesItsInstallation: each query of the dashboard is one of the chosen namespace.
func TestDashboardNamesItsInstallation(t *testing.T) {
	t.Parallel()
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	readYAML(t, "kustomize/components/grafana/dashboard.json", &dashboard)
	series := regexp.MustCompile(`\b(millrace|river|go|process)_\w+(\{(?:[^}"]|"[^"]*")*\})?`)
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			for _, found := range series.FindAllStringSubmatch(target.Expr, -1) {
				if !strings.Contains(found[2], `namespace=~"$namespace"`) {
					t.Errorf("%s reads %s, want it of $namespace", panel.Title, found[0])
				}
			}
		}
	}
}

package scaling

import (
	"os"
	"strings"
	"testing"

	apps "k8s.io/api/apps/v1"
	"sigs.k8s.io/yaml"
)

// TestModelIsWhatIsShipped: the workers of the simulation are those of the manifests.
func TestModelIsWhatIsShipped(t *testing.T) {
	t.Parallel()
	model := DefaultModel()
	var worker apps.Deployment
	if err := yaml.UnmarshalStrict(manifest(t, "overlays/worker/deployment.yaml"), &worker); err != nil {
		t.Fatal(err)
	}
	cpu := worker.Spec.Template.Spec.Containers[0].Resources
	if limit := cpu.Limits.Cpu().Value(); int(limit) != model.Cores || int(limit) != model.Slots[tiles] || !cpu.Requests.Cpu().Equal(*cpu.Limits.Cpu()) {
		t.Errorf("a worker asks for %v cores and gets %v, the simulation has %d and %d tiles", cpu.Requests.Cpu(), cpu.Limits.Cpu(), model.Cores, model.Slots[tiles])
	}
	for file, want := range map[string]string{
		"base/settings.env":                     "MILLRACE_SOFT_STOP=" + model.SoftStop.String(),
		"components/prometheus/prometheus.yaml": "scrape_interval: " + model.Scrape.String(),
	} {
		if !strings.Contains(string(manifest(t, file)), want) {
			t.Errorf("%s does not say %s", file, want)
		}
	}
}

func manifest(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile("../../kustomize/" + path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

package scaling

import (
	"os"
	"strings"
	"testing"

	apps "k8s.io/api/apps/v1"
	"sigs.k8s.io/yaml"
)

// TestModelIsWhatIsShipped: the workers of the model have the CPU, the soft stop and the scrape interval of the
// manifests, and as many slots for tiles as cores.
func TestModelIsWhatIsShipped(t *testing.T) {
	t.Parallel()
	model := DefaultModel()
	var worker apps.Deployment
	if err := yaml.UnmarshalStrict(manifest(t, "overlays/worker/deployment.yaml"), &worker); err != nil {
		t.Fatal(err)
	}
	resources := worker.Spec.Template.Spec.Containers[0].Resources
	request, limit := resources.Requests.Cpu().MilliValue(), resources.Limits.Cpu().MilliValue()
	if wantLimit := int64(1000 * model.Cores); request != model.Request || limit != wantLimit {
		t.Errorf("CPU request and limit of a worker = %dm and %dm, want %dm and %dm as in the model",
			request, limit, model.Request, wantLimit)
	}
	if model.Slots[tiles] != model.Cores {
		t.Errorf("slots for tiles in the model = %d, want %d, one for each core", model.Slots[tiles], model.Cores)
	}
	for file, want := range map[string]string{
		"base/settings.env":                     "MILLRACE_SOFT_STOP=" + model.SoftStop.String(),
		"components/prometheus/prometheus.yaml": "scrape_interval: " + model.Scrape.String(),
	} {
		if !strings.Contains(string(manifest(t, file)), want) {
			t.Errorf("%s does not contain %q", file, want)
		}
	}
}

// manifest returns a file in kustomize/.
func manifest(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile("../../kustomize/" + path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

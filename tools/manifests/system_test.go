package manifests_test

import (
	"regexp"
	"strings"
	"testing"

	apps "k8s.io/api/apps/v1"
	autoscaling "k8s.io/api/autoscaling/v2"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	rbac "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"sigs.k8s.io/yaml"
)

// part is the label of all that belongs to Millrace.
const part = "app.kubernetes.io/part-of"

// TestObjectsAreLabelled: what an installation consists of can be listed. Each object has the label that says so,
// each pod also what it is; in a whole system each object names its installation, and each pod of Millrace the
// version of its image.
func TestObjectsAreLabelled(t *testing.T) {
	built(t, "*", func(t *testing.T, objects []object) {
		system := strings.HasSuffix(t.Name(), "overlay-local") || strings.HasSuffix(t.Name(), "overlay-production")
		for _, o := range objects {
			if o.Metadata.Labels[part] != "millrace" {
				t.Errorf("labels of %s %s = %v, want %s", o.Kind, o.Metadata.Name, o.Metadata.Labels, part)
			}
			if system && o.Metadata.Labels["app.kubernetes.io/instance"] == "" {
				t.Errorf("labels of %s %s = %v, want an instance", o.Kind, o.Metadata.Name, o.Metadata.Labels)
			}
			template := o.template(t)
			if template == nil {
				continue
			}
			labels := template.Labels
			if labels[part] != "millrace" || labels["app.kubernetes.io/name"] == "" {
				t.Errorf("labels of the pods of %s = %v, want a name and %s", o.Metadata.Name, labels, part)
			}
			_, tag, _ := strings.Cut(template.Spec.Containers[0].Image, ":")
			if version := labels["app.kubernetes.io/version"]; labels["app.kubernetes.io/name"] == "millrace" && version != tag {
				t.Errorf("version of the pods of %s = %s, want %s, the tag of their image", o.Metadata.Name, version, tag)
			}
		}
	})
}

// shared are the settings that APIs and workers must agree on.
var shared = []string{"MILLRACE_BLOCKS", "MILLRACE_LEASE", "MILLRACE_RETENTION"}

// TestSettingsAreShared: in a whole system, what APIs and workers must agree on is in one ConfigMap, which counts
// more than that of a role, for the migration as well.
func TestSettingsAreShared(t *testing.T) {
	built(t, "overlay-*", func(t *testing.T, objects []object) {
		var settings string
		for _, o := range objects {
			if o.Kind != "ConfigMap" || o.Metadata.Labels["app.kubernetes.io/name"] != "millrace" {
				continue
			}
			var m core.ConfigMap
			if err := yaml.Unmarshal(o.text, &m); err != nil {
				t.Fatal(err)
			}
			isShared := strings.HasPrefix(m.Name, "millrace-settings-")
			if isShared {
				settings = m.Name
			}
			for _, name := range shared {
				if _, has := m.Data[name]; has != isShared {
					t.Errorf("%s has %s: %t, want %t", m.Name, name, has, isShared)
				}
			}
		}
		if settings == "" { // one role, or the adapter
			return
		}
		for _, o := range objects {
			template := o.template(t)
			if template == nil || o.Metadata.Labels["app.kubernetes.io/name"] != "millrace" {
				continue
			}
			for _, c := range append(template.Spec.InitContainers, template.Spec.Containers...) {
				if got := c.EnvFrom[len(c.EnvFrom)-1].ConfigMapRef.Name; got != settings {
					t.Errorf("last ConfigMap of %s in %s = %s, want %s", c.Name, o.Metadata.Name, got, settings)
				}
			}
		}
	})
}

// TestProductionExposesNothing: nothing outside of the cluster reaches an installation without a choice of its
// operator, and no build turns keys off.
func TestProductionExposesNothing(t *testing.T) {
	built(t, "overlay-*", func(t *testing.T, objects []object) {
		for _, o := range objects {
			switch o.Kind {
			case "Ingress", "HTTPRoute":
				t.Errorf("there is the %s %s, want none", o.Kind, o.Metadata.Name)
			case "Service":
				var s core.Service
				if err := yaml.Unmarshal(o.text, &s); err != nil || s.Spec.Type != "" && s.Spec.Type != core.ServiceTypeClusterIP {
					t.Errorf("type of the Service %s = %s (%v), want ClusterIP", s.Name, s.Spec.Type, err)
				}
			}
		}
	})
	built(t, "*", func(t *testing.T, objects []object) {
		for _, o := range objects {
			if strings.Contains(string(o.text), "INSECURE_NO_AUTH") {
				t.Errorf("%s %s turns keys off", o.Kind, o.Metadata.Name)
			}
		}
	})
}

// TestPruningKeepsConfigMaps: with the component for them, Flux and Argo CD keep the ConfigMaps of the version before.
func TestPruningKeepsConfigMaps(t *testing.T) {
	built(t, "*gitops*", func(t *testing.T, objects []object) {
		kept := 0
		for _, o := range objects {
			if o.Kind != "ConfigMap" {
				continue
			}
			kept++
			a := o.Metadata.Annotations
			if a["argocd.argoproj.io/sync-options"] != "Prune=false" || a["kustomize.toolkit.fluxcd.io/prune"] != "disabled" {
				t.Errorf("annotations of %s = %v, want those of Flux and Argo CD", o.Metadata.Name, a)
			}
		}
		if kept < 2 {
			t.Errorf("ConfigMaps = %d, want one for each role", kept)
		}
	})
}

// TestOpenShiftFindsItsDNS: with the component for OpenShift, network policies let pods reach its DNS.
func TestOpenShiftFindsItsDNS(t *testing.T) {
	built(t, "*network-policies+openshift*", func(t *testing.T, objects []object) {
		policies := 0
		for _, o := range objects {
			if o.Kind == "NetworkPolicy" && strings.HasPrefix(o.Metadata.Name, "millrace-") {
				policies++
				if got := strings.Count(string(o.text), "port: 5353"); got != 2 {
					t.Errorf("ports 5353 of %s = %d, want UDP and TCP", o.Metadata.Name, got)
				}
			}
		}
		if policies != 2 {
			t.Errorf("policies = %d, want one for each role", policies)
		}
	})
}

// TestSpotWorkersStopInTime: a node that is taken away may give its pods 15 s, and handing back takes a few of them.
func TestSpotWorkersStopInTime(t *testing.T) {
	built(t, "*spot*", func(t *testing.T, objects []object) {
		for _, o := range objects {
			if o.Kind == "ConfigMap" && o.Metadata.Labels["app.kubernetes.io/component"] == "worker" {
				if text := string(o.text); !strings.Contains(text, "MILLRACE_SOFT_STOP: 10s") {
					t.Errorf("settings of the workers = %s, want a soft stop of 10 s", text)
				}
				return
			}
		}
		t.Error("the workers have no ConfigMap")
	})
}

// ofOthers matches the API groups of operators, and that of aggregated APIs, whose types are in other modules.
var ofOthers = regexp.MustCompile(`^(monitoring\.coreos\.com|keda\.sh|postgresql\.cnpg\.io|gateway\.networking\.k8s\.io|apiregistration\.k8s\.io)/`)

// TestObjectsFitTheNewestKubernetes: the objects of Kubernetes' own kinds have the fields of the newest version that
// is known here. scripts/check-manifests.sh compares them with the oldest supported one.
func TestObjectsFitTheNewestKubernetes(t *testing.T) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		apps.AddToScheme, autoscaling.AddToScheme, core.AddToScheme,
		networking.AddToScheme, policy.AddToScheme, rbac.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	decoder := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
	built(t, "*", func(t *testing.T, objects []object) {
		for _, o := range objects {
			if ofOthers.MatchString(o.APIVersion) {
				continue
			}
			if _, _, err := decoder.Decode(o.text, nil, nil); err != nil {
				t.Errorf("%s %s: %v", o.Kind, o.Metadata.Name, err)
			}
		}
	})
}

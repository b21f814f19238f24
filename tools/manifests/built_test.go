package manifests_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// object is what all objects have in common, and its text.
type object struct {
	Kind     string
	Metadata struct{ Name, Namespace string }
	text     []byte
}

// built calls f with the objects of everything that scripts/check-manifests.sh has built.
func built(t *testing.T, pattern string, f func(t *testing.T, objects []object)) {
	t.Helper()
	folder := os.Getenv("MILLRACE_BUILT_MANIFESTS")
	if folder == "" {
		t.Skip("for make check-manifests, which builds them")
	}
	paths, err := filepath.Glob(filepath.Join(folder, pattern+".yaml"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("nothing was built: %v", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".yaml"), func(t *testing.T) {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var objects []object
			for _, part := range bytes.Split(text, []byte("\n---\n")) {
				o := object{text: part}
				if err := yaml.Unmarshal(part, &o); err != nil {
					t.Fatal(err)
				}
				objects = append(objects, o)
			}
			f(t, objects)
		})
	}
}

// template returns the pods that an object makes, nil if it makes none.
func (o object) template(t *testing.T) *core.PodTemplateSpec {
	t.Helper()
	var template *core.PodTemplateSpec
	var err error
	switch o.Kind {
	case "Deployment":
		var d apps.Deployment
		err, template = yaml.UnmarshalStrict(o.text, &d), &d.Spec.Template
	case "StatefulSet":
		var s apps.StatefulSet
		err, template = yaml.UnmarshalStrict(o.text, &s), &s.Spec.Template
	case "DaemonSet", "Job", "CronJob", "ReplicaSet", "Pod":
		t.Errorf("%s %s: this test does not know it", o.Kind, o.Metadata.Name)
	}
	if err != nil {
		t.Fatalf("%s %s: %v", o.Kind, o.Metadata.Name, err)
	}
	return template
}

// TestPodsAreRestricted: every pod keeps to the restricted profile of Kubernetes' Pod Security Standards and more: its root file
// system is read-only, its memory is limited, and its image has a version.
func TestPodsAreRestricted(t *testing.T) {
	built(t, "*", func(t *testing.T, objects []object) {
		for _, o := range objects {
			template := o.template(t)
			if template == nil {
				continue
			}
			if s := template.Spec.SecurityContext; s == nil || !is(s.RunAsNonRoot) || s.RunAsUser == nil || *s.RunAsUser == 0 ||
				s.SeccompProfile == nil || s.SeccompProfile.Type != core.SeccompProfileTypeRuntimeDefault {
				t.Errorf("%s: %+v", o.Metadata.Name, s)
			}
			for _, c := range append(template.Spec.InitContainers, template.Spec.Containers...) {
				checkContainer(t, o.Metadata.Name, c)
			}
		}
	})
}

func checkContainer(t *testing.T, of string, c core.Container) {
	t.Helper()
	s := c.SecurityContext
	if s == nil || !is(s.ReadOnlyRootFilesystem) || s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation ||
		s.Capabilities == nil || len(s.Capabilities.Drop) != 1 || s.Capabilities.Drop[0] != "ALL" || len(s.Capabilities.Add) > 0 {
		t.Errorf("%s, %s: %+v", of, c.Name, s)
	}
	if c.Resources.Requests.Cpu().IsZero() || c.Resources.Requests.Memory().IsZero() || c.Resources.Limits.Memory().IsZero() {
		t.Errorf("%s, %s: %+v", of, c.Name, c.Resources)
	}
	_, tag, _ := strings.Cut(c.Image[strings.LastIndex(c.Image, "/")+1:], ":")
	if tag == "" || tag == "latest" {
		t.Errorf("%s, %s: the image %s has no version", of, c.Name, c.Image)
	}
}

func is(b *bool) bool { return b != nil && *b }

// TestProductionHasNoSecret: secrets come from elsewhere, and the pods ask for one.
func TestProductionHasNoSecret(t *testing.T) {
	built(t, "overlay-production", func(t *testing.T, objects []object) {
		asked := 0
		for _, o := range objects {
			if o.Kind == "Secret" {
				t.Errorf("Secret %s", o.Metadata.Name)
			}
			template := o.template(t)
			if template == nil {
				continue
			}
			for _, c := range template.Spec.Containers {
				for _, env := range c.Env {
					if env.Name == "DATABASE_URL" && env.Value == "" && env.ValueFrom.SecretKeyRef.Name == "millrace-database" {
						asked++
					}
				}
			}
		}
		if asked != 2 {
			t.Errorf("%d Deployments ask for the Secret", asked)
		}
	})
}

// TestConfigMapsHaveHashes: a change of a setting changes the name of its ConfigMap, and so starts new pods.
func TestConfigMapsHaveHashes(t *testing.T) {
	built(t, "*", func(t *testing.T, objects []object) {
		for _, o := range objects {
			name := o.Metadata.Name
			if o.Kind == "ConfigMap" && len(name)-strings.LastIndex(name, "-") != 11 {
				t.Errorf("ConfigMap %s", name)
			}
		}
	})
}

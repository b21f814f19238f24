package manifests_test

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// object has the fields that all objects have in common, and the text of one.
type object struct {
	APIVersion string
	Kind       string
	Metadata   struct {
		Name, Namespace     string
		Labels, Annotations map[string]string
	}
	text []byte
}

// built calls f with the objects of each build of scripts/check-manifests.sh whose name matches a pattern.
func built(t *testing.T, pattern string, f func(t *testing.T, objects []object)) {
	t.Helper()
	folder := os.Getenv("MILLRACE_BUILT_MANIFESTS")
	if folder == "" {
		t.Skip("make check-manifests builds the manifests and runs this test")
	}
	paths, err := filepath.Glob(filepath.Join(folder, pattern+".yaml"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no builds match %s: %v", pattern, err)
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

// template returns the template of the pods that an object creates, nil if it creates none.
func (o object) template(t *testing.T) *core.PodTemplateSpec {
	t.Helper()
	parse := func(into any) {
		if err := yaml.UnmarshalStrict(o.text, into); err != nil {
			t.Fatalf("parsing %s %s: %v", o.Kind, o.Metadata.Name, err)
		}
	}
	switch o.Kind {
	case "Deployment":
		var d apps.Deployment
		parse(&d)
		return &d.Spec.Template
	case "StatefulSet":
		var s apps.StatefulSet
		parse(&s)
		return &s.Spec.Template
	case "DaemonSet", "Job", "CronJob", "ReplicaSet", "Pod":
		t.Errorf("%s is a %s, want a kind that this test knows", o.Metadata.Name, o.Kind)
	}
	return nil
}

// TestPodsAreRestricted: every pod complies with the restricted profile of Kubernetes' Pod Security Standards. In
// addition, its root file system is read-only, its memory is limited, and its image has a version.
func TestPodsAreRestricted(t *testing.T) {
	built(t, "*", func(t *testing.T, objects []object) {
		for _, o := range objects {
			template := o.template(t)
			if template == nil {
				continue
			}
			s := template.Spec.SecurityContext
			if s == nil || !is(s.RunAsNonRoot) ||
				s.SeccompProfile == nil || s.SeccompProfile.Type != core.SeccompProfileTypeRuntimeDefault {
				t.Fatalf("security context of %s = %v, want a restricted one", o.Metadata.Name, s)
			}
			// OpenShift gives each namespace users of its own, and refuses pods that choose one.
			if strings.Contains(t.Name(), "openshift") {
				if s.RunAsUser != nil || s.RunAsGroup != nil || s.FSGroup != nil {
					t.Errorf("security context of %s = %v, want no user or group", o.Metadata.Name, s)
				}
			} else if s.RunAsUser == nil || *s.RunAsUser == 0 {
				t.Errorf("user of %s = %v, want a number that is not root's", o.Metadata.Name, s.RunAsUser)
			}
			for _, c := range append(template.Spec.InitContainers, template.Spec.Containers...) {
				checkContainer(t, o.Metadata.Name, c)
			}
		}
	})
}

// checkContainer checks a container of the pods of an object.
func checkContainer(t *testing.T, of string, c core.Container) {
	t.Helper()
	want := &core.SecurityContext{
		AllowPrivilegeEscalation: new(false),
		Capabilities:             &core.Capabilities{Drop: []core.Capability{"ALL"}},
		ReadOnlyRootFilesystem:   new(true),
	}
	if !reflect.DeepEqual(c.SecurityContext, want) {
		t.Errorf("security context of %s in %s = %v, want %v", c.Name, of, c.SecurityContext, want)
	}
	requests, limits := c.Resources.Requests, c.Resources.Limits
	if requests.Cpu().IsZero() || requests.Memory().IsZero() || limits.Memory().IsZero() {
		t.Errorf("resources of %s in %s = %v, want CPU and memory requests and a memory limit", c.Name, of, &c.Resources)
	}
	_, tag, _ := strings.Cut(c.Image[strings.LastIndex(c.Image, "/")+1:], ":")
	if tag == "" || tag == "latest" {
		t.Errorf("image of %s in %s = %s, want one with a version", c.Name, of, c.Image)
	}
}

// is reports whether a field is set and true.
func is(b *bool) bool { return b != nil && *b }

// TestProductionHasNoSecret: the overlay has no Secret, and both Deployments refer to one.
func TestProductionHasNoSecret(t *testing.T) {
	built(t, "overlay-production", func(t *testing.T, objects []object) {
		references := 0
		for _, o := range objects {
			if o.Kind == "Secret" {
				t.Errorf("the overlay has the Secret %s, want none", o.Metadata.Name)
			}
			template := o.template(t)
			if template == nil {
				continue
			}
			for _, c := range template.Spec.Containers {
				for _, env := range c.Env {
					if env.Name == "DATABASE_URL" && env.Value == "" && env.ValueFrom.SecretKeyRef.Name == "millrace-database" {
						references++
					}
				}
			}
		}
		if references != 2 {
			t.Errorf("references to the Secret = %d, want 2", references)
		}
	})
}

// TestConfigMapsHaveHashes: the name of a ConfigMap ends in a hyphen and a hash of ten characters, so that a change
// of a setting starts new pods.
func TestConfigMapsHaveHashes(t *testing.T) {
	built(t, "*", func(t *testing.T, objects []object) {
		for _, o := range objects {
			name := o.Metadata.Name
			if o.Kind == "ConfigMap" && len(name)-strings.LastIndex(name, "-") != 11 {
				t.Errorf("name of a ConfigMap = %s, want one with a hash", name)
			}
		}
	})
}

// TestInstallationsAreApart: two installations in different namespaces of a cluster share no object. What belongs to
// the whole cluster is in overlays/prometheus-adapter.
func TestInstallationsAreApart(t *testing.T) {
	shared := map[string]bool{}
	built(t, "overlay-*", func(t *testing.T, objects []object) {
		for _, o := range objects {
			if !strings.HasSuffix(t.Name(), "/overlay-prometheus-adapter") {
				shared[o.Kind+" "+o.Metadata.Namespace+" "+o.Metadata.Name] = true
			}
		}
	})
	built(t, "staging-*", func(t *testing.T, objects []object) {
		if strings.HasSuffix(t.Name(), "/staging-api") || strings.HasSuffix(t.Name(), "/staging-worker") {
			return // roles without a namespace
		}
		for _, o := range objects {
			if shared[o.Kind+" "+o.Metadata.Namespace+" "+o.Metadata.Name] {
				t.Errorf("%s %s is that of another namespace, too", o.Kind, o.Metadata.Name)
			}
		}
	})
}

// TestKEDAAsksForItsNamespace: the queries of a ScaledObject name the namespace that it is in.
func TestKEDAAsksForItsNamespace(t *testing.T) {
	built(t, "*keda*", func(t *testing.T, objects []object) {
		for _, o := range objects {
			if o.Kind != "ScaledObject" {
				continue
			}
			var keda scaledObject
			if err := yaml.Unmarshal(o.text, &keda); err != nil {
				t.Fatal(err)
			}
			for _, trigger := range keda.Spec.Triggers[:2] {
				want := fmt.Sprintf("namespace=%q", o.Metadata.Namespace)
				if got := trigger.Metadata["query"]; !strings.Contains(got, want) {
					t.Errorf("query of KEDA = %s, want %s in it", got, want)
				}
			}
		}
	})
}

// TestStopsInTime: in each build, draining and the soft stop of a pod fit into its grace period, and no variable of a
// container hides a setting of its ConfigMap, which an overlay could then not change.
func TestStopsInTime(t *testing.T) {
	built(t, "*", func(t *testing.T, objects []object) {
		settings := map[string]map[string]string{}
		for _, o := range objects {
			if o.Kind == "ConfigMap" {
				var m core.ConfigMap
				if err := yaml.Unmarshal(o.text, &m); err != nil {
					t.Fatal(err)
				}
				settings[m.Name] = m.Data
			}
		}
		for _, o := range objects {
			template := o.template(t)
			if template == nil || len(template.Spec.Containers[0].EnvFrom) == 0 {
				continue
			}
			c := template.Spec.Containers[0]
			set := settings[c.EnvFrom[0].ConfigMapRef.Name]
			if c.EnvFrom[0].ConfigMapRef.Optional != nil || len(set) == 0 {
				t.Errorf("the ConfigMap of %s = %v, want one", o.Metadata.Name, set)
			}
			for _, env := range c.Env {
				if strings.HasPrefix(env.Name, "MILLRACE_") {
					t.Errorf("%s sets %s beside its ConfigMap, which then has no effect", o.Metadata.Name, env.Name)
				}
			}
			drain, err := time.ParseDuration(cmp.Or(set["MILLRACE_DRAIN"], "0s"))
			softStop, stopErr := time.ParseDuration(set["MILLRACE_SOFT_STOP"])
			grace := time.Duration(*template.Spec.TerminationGracePeriodSeconds) * time.Second
			if err != nil || stopErr != nil || drain+softStop >= grace {
				t.Errorf("%s: drain %s and soft stop %s (%v, %v), want less than %s",
					o.Metadata.Name, drain, softStop, err, stopErr, grace)
			}
			if got := set["MILLRACE_STOP_WITHIN"]; got != strconv.Itoa(int(grace.Seconds()))+"s" {
				t.Errorf("%s: MILLRACE_STOP_WITHIN = %s, want %s as its pods have", o.Metadata.Name, got, grace)
			}
			if isAPI := set["MILLRACE_DRAIN"] != ""; isAPI != strings.HasSuffix(o.Metadata.Name, "-api") {
				t.Errorf("%s: drains = %t, want an API, and only that, to drain", o.Metadata.Name, isAPI)
			}
		}
	})
}

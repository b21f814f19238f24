package manifests_test

import (
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	apps "k8s.io/api/apps/v1"
	autoscaling "k8s.io/api/autoscaling/v2"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	rbac "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"
)

// externalMetrics is what a build with components/external-metrics has of it, and of what it must agree with.
type externalMetrics struct {
	api      apps.Deployment
	settings core.ConfigMap
	service  core.Service
	worker   autoscaling.HorizontalPodAutoscaler
	policy   *networking.NetworkPolicy
	bindings map[string]rbac.ClusterRoleBinding
	roles    map[string]rbac.ClusterRole
	server   struct {
		Metadata struct{ Annotations map[string]string }
		Spec     struct {
			InsecureSkipTLSVerify bool
			Service               struct{ Name, Namespace string }
		}
	}
}

// newExternalMetrics finds these in the objects of a build.
func newExternalMetrics(t *testing.T, objects []object) (e externalMetrics) {
	t.Helper()
	e.bindings = map[string]rbac.ClusterRoleBinding{}
	e.roles = map[string]rbac.ClusterRole{}
	parse := func(o object, into any) {
		t.Helper()
		if err := yaml.Unmarshal(o.text, into); err != nil {
			t.Fatal(err)
		}
	}
	for _, o := range objects {
		switch o.Kind + " " + o.Metadata.Name {
		case "Deployment millrace-api":
			parse(o, &e.api)
		case "Service millrace-external-metrics":
			parse(o, &e.service)
		case "HorizontalPodAutoscaler millrace-worker":
			parse(o, &e.worker)
		case "NetworkPolicy millrace-api":
			e.policy = &networking.NetworkPolicy{}
			parse(o, e.policy)
		case "APIService v1beta1.external.metrics.k8s.io":
			parse(o, &e.server)
		}
		switch {
		case o.Kind == "ConfigMap" && o.Metadata.Labels["app.kubernetes.io/component"] == "api":
			parse(o, &e.settings)
		case o.Kind == "ClusterRoleBinding":
			var b rbac.ClusterRoleBinding
			parse(o, &b)
			e.bindings[b.Name] = b
		case o.Kind == "ClusterRole":
			var r rbac.ClusterRole
			parse(o, &r)
			e.roles[r.Name] = r
		}
	}
	return e
}

// TestExternalMetricsReachTheAPI: the APIService leads to the port on which the pods of the API listen, in their own
// namespace, and these have what they need to identify themselves and their callers.
func TestExternalMetricsReachTheAPI(t *testing.T) {
	built(t, "*external-metrics*", func(t *testing.T, objects []object) {
		e := newExternalMetrics(t, objects)
		namespace := e.api.Namespace
		if s := e.server.Spec.Service; s.Name != e.service.Name || s.Namespace != namespace || e.service.Namespace != namespace {
			t.Errorf("the APIService leads to %+v, want the Service %s in %s", s, e.service.Name, namespace)
		}
		pod := e.api.Spec.Template
		for key, value := range e.service.Spec.Selector {
			if pod.Labels[key] != value {
				t.Errorf("labels of the API = %v, want %s=%s", pod.Labels, key, value)
			}
		}
		target := e.service.Spec.Ports[0].TargetPort.String()
		ports := pod.Spec.Containers[0].Ports
		i := slices.IndexFunc(ports, func(p core.ContainerPort) bool { return p.Name == target })
		if i < 0 || e.settings.Data["MILLRACE_EXTERNAL_METRICS"] != ":10250" || ports[i].ContainerPort != 10250 {
			t.Errorf("ports of the API = %v, want %s, 10250 as in MILLRACE_EXTERNAL_METRICS, %s",
				ports, target, e.settings.Data["MILLRACE_EXTERNAL_METRICS"])
		}
		if p := e.policy; p != nil {
			admits := func(r networking.NetworkPolicyIngressRule) bool {
				return len(r.From) == 0 && r.Ports[0].Port.String() == target
			}
			if !slices.ContainsFunc(p.Spec.Ingress, admits) {
				t.Errorf("ingress of the API = %v, want %s from anywhere", p.Spec.Ingress, target)
			}
		}
		mounted := slices.ContainsFunc(pod.Spec.Containers[0].VolumeMounts, func(m core.VolumeMount) bool {
			return m.MountPath == "/var/run/secrets/kubernetes.io/serviceaccount"
		})
		for _, c := range pod.Spec.InitContainers {
			if len(c.VolumeMounts) > 0 {
				t.Errorf("%s has %v, want no token", c.Name, c.VolumeMounts)
			}
		}
		subject := e.bindings["millrace-external-metrics"].Subjects[0]
		if !mounted || subject.Name != pod.Spec.ServiceAccountName || subject.Namespace != namespace {
			t.Errorf("a token is mounted: %t, for %+v, want that of %s in %s",
				mounted, subject, pod.Spec.ServiceAccountName, namespace)
		}
	})
}

// TestHPAMayReadExternalMetrics: the controller of HPAs may read what the HPA of the workers follows.
func TestHPAMayReadExternalMetrics(t *testing.T) {
	built(t, "*external-metrics*", func(t *testing.T, objects []object) {
		e := newExternalMetrics(t, objects)
		read := e.roles["millrace-external-metrics-hpa"].Rules[0]
		for _, m := range e.worker.Spec.Metrics {
			if m.External != nil && !slices.Contains(read.Resources, m.External.Metric.Name) {
				t.Errorf("the controller may read %v, want %s", read.Resources, m.External.Metric.Name)
			}
		}
		subject := e.bindings["millrace-external-metrics-hpa"].Subjects[0]
		if subject.Name != "horizontal-pod-autoscaler" || subject.Namespace != "kube-system" || !slices.Contains(read.Verbs, "list") {
			t.Errorf("%+v may %v, want the controller of HPAs to list", subject, read.Verbs)
		}
	})
}

// TestExternalMetricsAreFollowedAtOnce: with the component, the HPA of the workers is the shipped one, but that it does
// not wait for a second reading of a metric that is not old.
func TestExternalMetricsAreFollowedAtOnce(t *testing.T) {
	var shipped autoscaling.HorizontalPodAutoscaler
	readStrict(t, "kustomize/overlays/worker/hpa.yaml", &shipped)
	want := shipped.Spec
	want.ScaleTargetRef.Name = "millrace-worker"
	*want.Behavior.ScaleUp.StabilizationWindowSeconds = 0
	built(t, "*external-metrics*", func(t *testing.T, objects []object) {
		if got := newExternalMetrics(t, objects).worker.Spec; !reflect.DeepEqual(got, want) {
			t.Errorf("the HPA of the workers = %+v, want %+v", got, want)
		}
	})
}

// TestExternalMetricsWithCertificate: the overlay of the component's README verifies the certificate, which the pods
// read from the Secret that it names, and keeps their other volumes.
func TestExternalMetricsWithCertificate(t *testing.T) {
	built(t, "staging-*external-metrics*", func(t *testing.T, objects []object) {
		e := newExternalMetrics(t, objects)
		if e.server.Spec.InsecureSkipTLSVerify || e.server.Metadata.Annotations["cert-manager.io/inject-ca-from"] == "" {
			t.Errorf("the APIService = %+v, want one that verifies", e.server)
		}
		var mounts []string
		for _, m := range e.api.Spec.Template.Spec.Containers[0].VolumeMounts {
			mounts = append(mounts, m.MountPath)
		}
		cert := e.settings.Data["MILLRACE_EXTERNAL_METRICS_TLS_CERT"]
		folder := strings.TrimSuffix(cert, "/tls.crt")
		if len(mounts) != 3 || !slices.Contains(mounts, folder) || !slices.Contains(mounts, "/blocks") ||
			e.settings.Data["MILLRACE_EXTERNAL_METRICS_TLS_KEY"] != folder+"/tls.key" {
			t.Errorf("mounts = %v, certificate = %q, want it mounted, beside the token and the blocks", mounts, cert)
		}
	})
}

// TestOneServerOfExternalMetrics: what belongs to the whole cluster is in the overlay and in the component of which a
// cluster has one. The two share only the APIService: one can be deleted when the other has replaced it.
func TestOneServerOfExternalMetrics(t *testing.T) {
	if os.Getenv("MILLRACE_BUILT_MANIFESTS") == "" {
		t.Skip("make check-manifests builds the manifests and runs this test")
	}
	inCluster := map[string]map[string]bool{}
	built(t, "*", func(t *testing.T, objects []object) {
		whole := map[string]bool{}
		for _, o := range objects {
			if strings.HasPrefix(o.Kind, "Cluster") && strings.HasPrefix(o.APIVersion, "rbac") || o.Kind == "APIService" {
				whole[o.Kind+" "+o.Metadata.Name] = true
			}
		}
		_, name, _ := strings.Cut(t.Name(), "/")
		may := strings.Contains(name, "external-metrics") || strings.HasSuffix(name, "-prometheus-adapter")
		if (len(whole) > 0) != may {
			t.Errorf("objects of the whole cluster = %v, want some: %t", whole, may)
		}
		inCluster[name] = whole
	})
	for o := range inCluster["overlay-prometheus-adapter"] {
		if inCluster["millrace-external-metrics"][o] != strings.HasPrefix(o, "APIService") {
			t.Errorf("%s is in both, or is not: %v, want the APIService only", o, inCluster["millrace-external-metrics"])
		}
	}
}

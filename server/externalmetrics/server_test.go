package externalmetrics_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/testtls"
)

// TestMetric: the HPA controller reads the depth of the queues that the gauge has, by any selector that fits.
func TestMetric(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	client := b.apiServer()
	empty := map[string]string{"small": "0", "tiles": "0"}
	if got := b.ask(client, metric, hpa).depths(t); !maps.Equal(got, empty) {
		t.Errorf("without work the depths are %v, want %v", got, empty)
	}
	r, err := http.Post(b.process.APIURL()+"/v1/multiplications", "application/json",
		strings.NewReader(`{"a": {"random": {"rows": 9000, "cols": 3000}}, "b": {"random": {"rows": 3000, "cols": 9000}}}`))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r.Body)
	_ = r.Body.Close()
	if err != nil || r.StatusCode != http.StatusCreated && r.StatusCode != http.StatusAccepted {
		t.Fatalf("submitting: %s, %s, %v", r.Status, text, err)
	}
	waiting := map[string]string{"small": "0", "tiles": tilesOf(t, text)}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) { // what was read may be a second old
		if got := b.ask(client, metric, hpa).depths(t); maps.Equal(got, waiting) {
			break
		} else if time.Now().After(deadline) {
			t.Fatalf("the depths are %v, want %v", got, waiting)
		}
	}
	if got := b.gauge(`river_queue_depth{queue="tiles"}`); got != waiting["tiles"] {
		t.Errorf("the gauge is %s, want %s as of the external metric", got, waiting["tiles"])
	}
	for selector, want := range map[string]string{
		"queue=tiles":                   "tiles",
		"queue==small":                  "small",
		"queue!=small":                  "tiles",
		"queue in (small,tiles)":        "small tiles",
		"queue in (small, other)":       "small",
		"queue notin (small),queue":     "tiles",
		"queue, instance notin (other)": "small tiles",
		"!queue":                        "",
		"queue=other":                   "",
		"instance=this":                 "",
	} {
		got := b.ask(client, metric+"?labelSelector="+url.QueryEscape(selector), hpa).depths(t)
		if len(got) != len(strings.Fields(want)) {
			t.Errorf("%s: got %v, want those of %q", selector, got, want)
		}
		for _, queue := range strings.Fields(want) {
			if got[queue] != waiting[queue] {
				t.Errorf("%s: got %v, want %s of %s", selector, got, waiting[queue], queue)
			}
		}
	}
	if got := b.ask(b.client("http/1.1", b.frontProxy.Client("aggregator")), metric, hpa).depths(t); !maps.Equal(got, waiting) {
		t.Errorf("by HTTP/1.1: got %v, want %v", got, waiting)
	}
}

// tilesOf returns the number of tiles of a multiplication.
func tilesOf(t *testing.T, multiplication []byte) string {
	t.Helper()
	found := regexp.MustCompile(`"total":(\d+)`).FindSubmatch(multiplication)
	if found == nil || string(found[1]) == "0" {
		t.Fatalf("got %s, want a multiplication with tiles", multiplication)
	}
	return string(found[1])
}

// gauge returns the value of a series that the process exports.
func (b *bundle) gauge(series string) string {
	b.t.Helper()
	r, err := http.Get(b.process.OpsURL() + "/metrics")
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(series) + ` (\S+)$`).FindSubmatch(text)
	if found == nil {
		b.t.Fatalf("the process does not export %s", series)
	}
	return string(found[1])
}

// TestRefusals: what does not come from the API server is refused, and of what does, RBAC decides. No refusal has a
// number: an HPA that gets one leaves the number of pods as it is.
func TestRefusals(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	proxy := b.apiServer()
	stranger := b.client("h2", testtls.New(t).Client("front-proxy-client"))
	for name, test := range map[string]struct {
		client *http.Client
		path   string
		user   string
		code   int
		reason string
	}{
		"no certificate":     {b.client("h2"), metric, hpa, 401, "Unauthorized"},
		"no certificate 1.1": {b.client("http/1.1"), metric, hpa, 401, "Unauthorized"},
		"another authority":  {stranger, metric, hpa, 401, "Unauthorized"},
		"name not allowed":   {b.client("h2", b.frontProxy.Client("kubelet")), metric, hpa, 401, "Unauthorized"},
		"a server":           {b.client("h2", b.serverCertificate()), metric, hpa, 401, "Unauthorized"},
		"no user":            {proxy, metric, "", 401, "Unauthorized"},
		"forbidden user":     {proxy, metric, "system:serviceaccount:compute:default", 403, "Forbidden"},
		"anonymous":          {proxy, "/apis", "system:anonymous", 403, "Forbidden"},
		"unknown metric":     {proxy, strings.Replace(metric, "river_queue_depth", "depth", 1), hpa, 404, "NotFound"},
		"other namespace":    {proxy, strings.Replace(metric, "compute", "staging", 1), hpa, 404, "NotFound"},
		"bad selector":       {proxy, metric + "?labelSelector=queue%3E1", hpa, 400, "BadRequest"},
		"broken selector":    {proxy, metric + "?labelSelector=queue+in+(tiles", hpa, 400, "BadRequest"},
		"half a selector":    {proxy, metric + "?labelSelector=queue%3Dtiles,", hpa, 400, "BadRequest"},
		"below the metric":   {proxy, metric + "/tiles", hpa, 404, "NotFound"},
		"other version":      {proxy, "/apis/external.metrics.k8s.io/v1", hpa, 404, "NotFound"},
		"OpenAPI":            {proxy, "/openapi/v4", "system:aggregator", 404, "NotFound"},
		"root":               {proxy, "/", hpa, 404, "NotFound"},
	} {
		groups := []string{"system:serviceaccounts"}
		if test.user == "system:anonymous" {
			groups = []string{"system:unauthenticated"}
		}
		got := b.ask(test.client, test.path, test.user, groups...)
		if code, reason := got.status(t); code != test.code || reason != test.reason {
			t.Errorf("%s: got %d %s, want %d %s", name, code, reason, test.code, test.reason)
		}
	}
	for method, test := range map[string]struct {
		body   string
		code   int
		reason string
	}{
		http.MethodDelete: {"", 405, "MethodNotAllowed"},
		http.MethodGet:    {"a body", 413, "RequestEntityTooLarge"},
	} {
		r, err := http.NewRequestWithContext(t.Context(), method, b.process.ExternalURL()+metric, strings.NewReader(test.body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Remote-User", hpa)
		if code, reason := b.send(proxy, r).status(t); code != test.code || reason != test.reason {
			t.Errorf("%s with %q: got %d %s, want %d %s", method, test.body, code, reason, test.code, test.reason)
		}
	}
}

// serverCertificate returns a certificate of the front proxy's authority that is none of a client.
func (b *bundle) serverCertificate() tls.Certificate { return b.frontProxy.Server().Certificates[0] }

// TestDiscovery: the API server finds out what there is, as itself and in the name of users without groups. It needs
// neither a database nor Kubernetes for that.
func TestDiscovery(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	client := b.apiServer()
	page := func(path, user string, groups ...string) string {
		t.Helper()
		got := b.ask(client, path, user, groups...)
		if got.code != http.StatusOK || got.kind != "application/json" {
			t.Errorf("%s for %s: got %d, %s, %s, want 200 and JSON", path, user, got.code, got.kind, got.text)
		}
		return string(got.text)
	}
	page("/apis", "system:kube-aggregator") // without groups, as it comes
	b.kubernetes.change(func() { b.kubernetes.down = true })
	b.database.Shut()
	defer b.database.Open()
	for path, want := range map[string]string{
		"/apis":                         `"APIGroupList".*"name":"external.metrics.k8s.io".*"version":"v1beta1"`,
		"/apis/external.metrics.k8s.io": `"APIGroup".*"preferredVersion":{"groupVersion":"external.metrics.k8s.io/v1beta1"`,
		"/apis/external.metrics.k8s.io/v1beta1": `"APIResourceList".*"name":"river_queue_depth".*"namespaced":true.*` +
			`"kind":"ExternalMetricValueList","verbs":\["get"\]`,
		"/openapi/v2": `"swagger":"2.0".*"paths":{}`,
		"/openapi/v3": `{"paths":{}}`,
	} {
		if got := page(path, "system:kube-aggregator", "system:masters"); !regexp.MustCompile(want).MatchString(got) {
			t.Errorf("%s = %s, want %s", path, got, want)
		}
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.process.ExternalURL()+"/apis", nil)
	if err != nil {
		t.Fatal(err)
	}
	const wanted = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
	r.Header.Set("Accept", wanted+", application/json")
	r.Header.Set("X-Remote-User", "system:kube-aggregator")
	r.Header.Set("X-Remote-Group", "system:masters")
	if got := b.send(client, r); got.kind != wanted || !strings.Contains(string(got.text), `"resource":"river_queue_depth"`) {
		t.Errorf("the whole description = %s, %s, want one with the metric", got.kind, got.text)
	}
}

// TestVerdictsAreKept: Kubernetes is asked once in a while, with what it needs to decide.
func TestVerdictsAreKept(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	client := b.apiServer()
	for range 20 {
		b.ask(client, metric, hpa, "system:serviceaccounts").depths(t)
	}
	b.kubernetes.change(func() {
		asked := b.kubernetes.questions
		if len(asked) == 0 || len(asked) > 10 { // one, unless twenty requests take longer than a verdict is kept
			t.Fatalf("Kubernetes was asked %d times, want once", len(asked))
		}
		want := "{User:" + hpa + " Groups:[system:serviceaccounts system:authenticated] Resource:{Namespace:compute Verb:list" +
			" Group:external.metrics.k8s.io Version:v1beta1 Resource:river_queue_depth} Path:{Path: Verb:}}"
		if got := fmt.Sprintf("%+v", asked[0]); got != want {
			t.Errorf("Kubernetes was asked %s, want %s", got, want)
		}
	})
}

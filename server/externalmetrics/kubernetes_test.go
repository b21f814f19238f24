package externalmetrics_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/millrace/millrace/internal/testtls"
)

// kubernetes stands in for the API server of Kubernetes, which is too large to be built for a test: it has the
// ConfigMap that identifies the front proxy, and decides about access.
type kubernetes struct {
	t      *testing.T
	url    string
	folder string // of the service account

	mu        sync.Mutex
	down      bool
	configMap map[string]string
	readers   []string // users and groups that may read the metric
	questions []question
}

// question is what the stand-in reads of a SubjectAccessReview.
type question struct {
	User     string
	Groups   []string
	Resource struct {
		Namespace, Verb, Group, Version, Resource string
	} `json:"resourceAttributes"`
	Path struct{ Path, Verb string } `json:"nonResourceAttributes"`
}

const token = "the-token-of-the-pod"

func startKubernetes(t *testing.T, authority *testtls.Authority) *kubernetes {
	t.Helper()
	k := &kubernetes{t: t, folder: t.TempDir()}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication", k.serveConfigMap)
	mux.HandleFunc("POST /apis/authorization.k8s.io/v1/subjectaccessreviews", k.serveReview)
	server := httptest.NewUnstartedServer(k.authenticated(mux))
	server.TLS = authority.Server()
	server.StartTLS()
	t.Cleanup(server.Close)
	k.url = server.URL
	ca, err := os.ReadFile(authority.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"token": token + "\n", "ca.crt": string(ca), "namespace": "compute"} {
		if err := os.WriteFile(filepath.Join(k.folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return k
}

// change changes the stand-in while it serves.
func (k *kubernetes) change(f func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	f()
}

// trust makes an authority the one that signs the certificate of the front proxy.
func (k *kubernetes) trust(authority *testtls.Authority) {
	ca, err := os.ReadFile(authority.CAFile)
	if err != nil {
		k.t.Fatal(err)
	}
	k.change(func() {
		k.configMap = map[string]string{
			"client-ca-file":                     "of other clients",
			"requestheader-allowed-names":        `["front-proxy-client","aggregator"]`,
			"requestheader-client-ca-file":       string(ca),
			"requestheader-extra-headers-prefix": `["X-Remote-Extra-"]`,
			"requestheader-group-headers":        `["X-Remote-Group"]`,
			"requestheader-username-headers":     `["X-Remote-User"]`,
		}
	})
}

func (k *kubernetes) authenticated(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		k.mu.Lock()
		defer k.mu.Unlock()
		switch {
		case k.down:
			w.WriteHeader(http.StatusInternalServerError)
		case r.Header.Get("Authorization") != "Bearer "+token:
			w.WriteHeader(http.StatusUnauthorized)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func (k *kubernetes) serveConfigMap(w http.ResponseWriter, _ *http.Request) {
	_ = json.NewEncoder(w).Encode(map[string]any{"kind": "ConfigMap", "apiVersion": "v1", "data": k.configMap})
}

func (k *kubernetes) serveReview(w http.ResponseWriter, r *http.Request) {
	var review struct {
		APIVersion, Kind string
		Spec             question
	}
	if err := json.NewDecoder(r.Body).Decode(&review); err != nil || review.Kind != "SubjectAccessReview" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	q := review.Spec
	k.questions = append(k.questions, q)
	allowed := slices.ContainsFunc(append(q.Groups, q.User), func(who string) bool { return slices.Contains(k.readers, who) }) &&
		q.Resource.Group == "external.metrics.k8s.io" && q.Resource.Verb == "list"
	// As Kubernetes has it: all authenticated callers may read the description.
	allowed = allowed || q.Path.Verb == "get" && slices.Contains(q.Groups, "system:authenticated")
	w.WriteHeader(http.StatusCreated)
	_ = json.NewEncoder(w).Encode(map[string]any{
		"kind":       "SubjectAccessReview",
		"apiVersion": "authorization.k8s.io/v1",
		"spec":       review.Spec,
		"status":     map[string]any{"allowed": allowed, "reason": "by the rules of the test"},
	})
}

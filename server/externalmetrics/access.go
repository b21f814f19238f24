package externalmetrics

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"
)

const (
	// verdictAge is how long a decision of Kubernetes is kept.
	verdictAge = 10 * time.Second
	// maxVerdicts is how many are kept.
	maxVerdicts = 1000
	// maxReviews is how many questions Kubernetes is asked at once.
	maxReviews = 8
)

// accessPath is that of the questions.
const accessPath = "/apis/authorization.k8s.io/v1/subjectaccessreviews"

// review is a SubjectAccessReview of Kubernetes.
type review struct {
	APIVersion string     `json:"apiVersion"`
	Kind       string     `json:"kind"`
	Spec       reviewSpec `json:"spec"`
}

// reviewed is what becomes of it.
type reviewed struct {
	Status struct {
		Allowed bool
		Denied  bool
		Reason  string
	}
}

type reviewSpec struct {
	caller
	Resource *resourceAttributes `json:"resourceAttributes,omitempty"`
	Path     *pathAttributes     `json:"nonResourceAttributes,omitempty"`
}

type resourceAttributes struct {
	Namespace string `json:"namespace"`
	Verb      string `json:"verb"`
	Group     string `json:"group"`
	Version   string `json:"version"`
	Resource  string `json:"resource"`
}

type pathAttributes struct {
	Path string `json:"path"`
	Verb string `json:"verb"`
}

// access knows what callers may read, by the rules of the cluster.
type access struct {
	cluster *cluster
	asking  chan struct{} // has a place for each question that is asked now

	mu       sync.Mutex
	verdicts map[string]verdict // by question
}

// verdict is what Kubernetes has decided.
type verdict struct {
	allowed bool
	reason  string
	until   time.Time
}

func newAccess(c *cluster) *access {
	return &access{
		cluster:  c,
		asking:   make(chan struct{}, maxReviews),
		verdicts: map[string]verdict{},
	}
}

// check returns an error unless a caller may read what it asks for.
func (a *access) check(ctx context.Context, who caller, what asked) error {
	if slices.Contains(who.Groups, masters) {
		return nil
	}
	spec := reviewSpec{caller: who}
	if what.metric == "" {
		spec.Path = &pathAttributes{Path: what.path, Verb: "get"}
	} else {
		spec.Resource = &resourceAttributes{
			Namespace: what.namespace,
			Verb:      "list", // as Kubernetes calls a GET without the name of an object
			Group:     groupName,
			Version:   versionName,
			Resource:  what.metric,
		}
	}
	v, err := a.decide(ctx, spec)
	if err != nil {
		return err
	}
	if !v.allowed {
		return &refusal{
			code:   http.StatusForbidden,
			reason: "Forbidden",
			text:   fmt.Sprintf("%.200q may not read this: %.300q", who.User, v.reason),
		}
	}
	return nil
}

// decide returns what Kubernetes says, now or a moment ago.
func (a *access) decide(ctx context.Context, spec reviewSpec) (verdict, error) {
	question, err := json.Marshal(spec)
	if err != nil {
		return verdict{}, err
	}
	if v, ok := a.known(string(question)); ok {
		return v, nil
	}
	select {
	case a.asking <- struct{}{}:
		defer func() { <-a.asking }()
	case <-ctx.Done():
		return verdict{}, ctx.Err()
	}
	var r reviewed
	err = a.cluster.create(ctx, accessPath, review{
		APIVersion: "authorization.k8s.io/v1",
		Kind:       "SubjectAccessReview",
		Spec:       spec,
	}, &r)
	if err != nil {
		return verdict{}, err
	}
	v := verdict{
		allowed: r.Status.Allowed && !r.Status.Denied,
		reason:  r.Status.Reason,
		until:   time.Now().Add(verdictAge),
	}
	a.keep(string(question), v)
	return v, nil
}

// known returns a verdict that is kept.
func (a *access) known(question string) (verdict, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	v, ok := a.verdicts[question]
	return v, ok && time.Now().Before(v.until)
}

// keep keeps a verdict. If there are too many, it forgets the old ones, and if all are new, all.
func (a *access) keep(question string, v verdict) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.verdicts) >= maxVerdicts {
		for q, old := range a.verdicts {
			if time.Now().After(old.until) {
				delete(a.verdicts, q)
			}
		}
		if len(a.verdicts) >= maxVerdicts {
			clear(a.verdicts)
		}
	}
	a.verdicts[question] = v
}

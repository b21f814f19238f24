package externalmetrics_test

import (
	"maps"
	"net/http"
	"testing"

	"github.com/millrace/millrace/internal/testtls"
)

// TestDatabaseUnavailable: without a database there is no number, and there is one again when it is back.
func TestDatabaseUnavailable(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	client := b.apiServer()
	empty := b.ask(client, metric, hpa).depths(t)
	b.database.Shut()
	if code, reason := b.await(client, http.StatusServiceUnavailable).status(t); reason != "ServiceUnavailable" {
		t.Errorf("without a database: got %d %s, want 503 ServiceUnavailable", code, reason)
	}
	b.database.Open()
	if got := b.await(client, http.StatusOK).depths(t); !maps.Equal(got, empty) {
		t.Errorf("with the database again: got %v, want %v", got, empty)
	}
}

// TestKubernetesUnavailable: an API starts while Kubernetes does not respond, and refuses until it knows from whom
// requests come. Later it goes on with what it knows.
func TestKubernetesUnavailable(t *testing.T) {
	t.Parallel()
	b := setup(t, func(k *kubernetes) { k.down = true })
	client := b.apiServer()
	if code, _ := b.ask(client, metric, hpa).status(t); code != http.StatusServiceUnavailable {
		t.Errorf("before Kubernetes responded: got %d, want 503", code)
	}
	b.kubernetes.change(func() { b.kubernetes.down = false })
	b.await(client, http.StatusOK).depths(t)
	b.kubernetes.change(func() { b.kubernetes.down = true })
	if got := b.ask(client, metric, "other"); got.code != http.StatusServiceUnavailable {
		t.Errorf("a question that nothing decides: got %d, want 503", got.code)
	}
}

// TestRotation: another authority of the front proxy is taken at once, and the one before is not any more.
func TestRotation(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	before := b.apiServer()
	b.await(before, http.StatusOK)
	b.kubernetes.trust(testtls.New(t)) // not one of ours
	b.frontProxy = testtls.New(t)
	after := b.apiServer()
	if code, _ := b.ask(after, metric, hpa).status(t); code != http.StatusUnauthorized {
		t.Errorf("with the certificate of an unknown authority: got %d, want 401", code)
	}
	b.kubernetes.trust(b.frontProxy)
	b.await(after, http.StatusOK)
	b.await(before, http.StatusUnauthorized)
}

// TestStops: a process that stops serves no metrics any more, and leaves nothing behind.
func TestStops(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	client := b.apiServer()
	b.await(client, http.StatusOK)
	url := b.process.ExternalURL()
	if err := b.stop(); err != nil {
		t.Errorf("stopping: %v, want nil", err)
	}
	if r, err := client.Get(url + metric); err == nil {
		_ = r.Body.Close()
		t.Errorf("after the stop: %s, want no connection", r.Status)
	}
}

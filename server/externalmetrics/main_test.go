package externalmetrics_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/reexec"
	"github.com/millrace/millrace/internal/testdb"
	"github.com/millrace/millrace/internal/testtls"
	"github.com/millrace/millrace/internal/wire"
	"github.com/millrace/millrace/server"
	"github.com/millrace/millrace/server/externalmetrics"
)

func TestMain(m *testing.M) { testdb.Main(m) }

// metric is the path of the metric, below which nothing else is.
const metric = "/apis/external.metrics.k8s.io/v1beta1/namespaces/compute/river_queue_depth"

// hpa is the user in whose name the controller of HPAs asks.
const hpa = "system:serviceaccount:kube-system:horizontal-pod-autoscaler"

// bundle is an API that serves external metrics, and what it depends on.
type bundle struct {
	t          *testing.T
	kubernetes *kubernetes
	frontProxy *testtls.Authority
	database   *wire.Wire
	process    *server.Process
	stop       func() error // as SIGTERM does; returns when the process has ended
	log        *reexec.Log
}

// setup starts an API in a cluster that has changed as prepare says.
func setup(t *testing.T, prepare func(*kubernetes)) *bundle {
	t.Helper()
	b := &bundle{
		t:          t,
		frontProxy: testtls.New(t),
		log:        &reexec.Log{},
	}
	b.kubernetes = startKubernetes(t, testtls.New(t))
	b.kubernetes.trust(b.frontProxy)
	b.kubernetes.readers = []string{hpa}
	if prepare != nil {
		prepare(b.kubernetes)
	}
	url := testdb.URL(testdb.New(t))
	b.database = wire.New(t, "127.0.0.1:0", url)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var err error
	b.process, err = server.Start(ctx, server.Config{
		Role:     server.API,
		Database: server.Database{DatabaseURL: b.database.URL(url)},
		Wait:     server.Forever,
		Storage:  server.Storage{Blocks: "postgres", Retention: time.Hour},
		Limits:   server.Limits{MaxMatrixBytes: 1 << 40, MaxTiles: 1000},
		Work:     server.Work{SoftStop: time.Second, Lease: 5 * time.Second},
		Addr:     "127.0.0.1:0",
		OpsAddr:  "127.0.0.1:0",
		External: externalmetrics.Settings{
			Address:        "127.0.0.1:0",
			Kubernetes:     b.kubernetes.url,
			ServiceAccount: b.kubernetes.folder,
		},
	}, slog.New(slog.NewTextHandler(b.log, nil)))
	if err != nil {
		t.Fatalf("%v\n%s", err, b.log)
	}
	ended := make(chan error, 1)
	go func() { ended <- b.process.Run(ctx) }()
	b.stop = func() error {
		cancel()
		err := <-ended
		ended <- err
		return err
	}
	t.Cleanup(func() {
		if err := b.stop(); err != nil && !t.Failed() {
			t.Errorf("the process ended with %v, want nil", err)
		}
		if t.Failed() {
			t.Logf("the log of the API:\n%s", b.log)
		}
	})
	return b
}

// client returns a client with a certificate of an authority, or with none, that speaks a protocol.
func (b *bundle) client(protocol string, certificates ...tls.Certificate) *http.Client {
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{
			InsecureSkipVerify: true, // as the APIService says that is shipped
			Certificates:       certificates,
			NextProtos:         []string{protocol},
		},
		ForceAttemptHTTP2: protocol == "h2",
	}
	b.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 20 * time.Second}
}

// apiServer returns the client that the API server of Kubernetes is.
func (b *bundle) apiServer() *http.Client {
	return b.client("h2", b.frontProxy.Client("front-proxy-client"))
}

// response is what a client gets.
type response struct {
	code int
	kind string // Content-Type
	text []byte
}

// ask sends a GET in the name of a user.
func (b *bundle) ask(client *http.Client, path, user string, groups ...string) response {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, b.process.ExternalURL()+path, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	if user != "" {
		r.Header.Set("X-Remote-User", user)
	}
	for _, g := range groups {
		r.Header.Add("X-Remote-Group", g)
	}
	return b.send(client, r)
}

func (b *bundle) send(client *http.Client, r *http.Request) response {
	b.t.Helper()
	got, err := client.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = got.Body.Close() }()
	text, err := io.ReadAll(got.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return response{
		code: got.StatusCode,
		kind: got.Header.Get("Content-Type"),
		text: text,
	}
}

// status returns what a response says that is an object of the kind Status.
func (r response) status(t *testing.T) (code int, reason string) {
	t.Helper()
	var s struct {
		Kind, APIVersion, Status, Message, Reason string
		Code                                      int
	}
	if err := json.Unmarshal(r.text, &s); err != nil || s.Kind != "Status" || s.APIVersion != "v1" ||
		s.Status != "Failure" || s.Code != r.code || s.Message == "" || bytes.Contains(r.text, []byte("items")) {
		t.Errorf("got %d, %s (%v), want a Status of a failure", r.code, r.text, err)
	}
	return s.Code, s.Reason
}

// depths returns the values of a list, by queue.
func (r response) depths(t *testing.T) map[string]string {
	t.Helper()
	var list struct {
		Kind, APIVersion string
		Metadata         map[string]any
		Items            []struct {
			MetricName   string
			MetricLabels map[string]string
			Timestamp    time.Time
			Value        string
		}
	}
	decoder := json.NewDecoder(bytes.NewReader(r.text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&list); err != nil || r.code != http.StatusOK || r.kind != "application/json" ||
		list.Kind != "ExternalMetricValueList" || list.APIVersion != "external.metrics.k8s.io/v1beta1" || list.Items == nil {
		t.Fatalf("got %d, %s, %s (%v), want a list of values", r.code, r.kind, r.text, err)
	}
	found := map[string]string{}
	for _, i := range list.Items {
		if i.MetricName != "river_queue_depth" || len(i.MetricLabels) != 1 || time.Since(i.Timestamp) > time.Minute {
			t.Errorf("got %+v, want river_queue_depth with one label, of now", i)
		}
		found[i.MetricLabels["queue"]] = i.Value
	}
	return found
}

// await asks in the name of the HPA until the response has a status.
func (b *bundle) await(client *http.Client, code int) response {
	b.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		got := b.ask(client, metric, hpa)
		if got.code == code {
			return got
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("got %d, %s, want %d within a minute", got.code, got.text, code)
		}
	}
}

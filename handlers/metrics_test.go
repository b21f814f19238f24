package handlers_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/millrace/millrace/handlers/observe"
)

// TestRequestsAreObserved: requests are counted by route, not by path, and by known methods.
func TestRequestsAreObserved(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	registry := prometheus.NewRegistry()
	b.server = httptest.NewServer(observe.Requests(b.handler, registry))
	t.Cleanup(b.server.Close)

	created := b.do(t, http.MethodPost, "/matrix_multiplication/", strings.NewReader(`{"A": [[1]], "B": [[2]]}`),
		"Content-Type", "application/json")
	created.want(t, http.StatusAccepted)
	for range 2 {
		b.get(t, "/v1/multiplications/"+uuid.NewString()).want(t, http.StatusNotFound)
	}
	b.get(t, created.Header.Get("Location"), "Prefer", "wait=1").want(t, http.StatusOK)
	id := strings.TrimPrefix(created.Header.Get("Location"), "/v1/multiplications/")
	events := b.subscribe(t, id)
	if _, err := events.next(); err != nil { // the head and an event are here before the end
		t.Fatal(err)
	}
	b.do(t, http.MethodPost, "/v1/multiplications/"+id+"/cancel", nil).want(t, http.StatusOK)
	for err := error(nil); err == nil; { // until the stream ends
		_, err = events.next()
	}
	b.get(t, "/v1/nothing/"+uuid.NewString()).want(t, http.StatusNotFound)
	b.do(t, "INVENTED", "/v1/multiplications", nil)
	b.server.Close() // all requests have been observed

	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			var labels []string
			for _, pair := range m.GetLabel() {
				labels = append(labels, pair.GetValue())
			}
			value := m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
			got[strings.Join(append([]string{family.GetName()}, labels...), " ")] = value
		}
	}
	for name, want := range map[string]float64{
		"millrace_http_requests_total POST /matrix_multiplication/ 2xx":         1,
		"millrace_http_requests_total GET /v1/multiplications/{id} 4xx":         2,
		"millrace_http_requests_total GET /v1/multiplications/{id} 2xx":         1,
		"millrace_http_requests_total GET /v1/multiplications/{id} 5xx":         0,
		"millrace_http_requests_total GET unmatched 4xx":                        1,
		"millrace_http_requests_total other unmatched 4xx":                      1,
		"millrace_http_request_duration_seconds GET /v1/multiplications/{id}":   2, // without the one that waited
		"millrace_http_request_size_bytes POST /matrix_multiplication/":         1,
		"millrace_http_response_size_bytes GET /v1/multiplications/{id}":        3,
		"millrace_http_requests_total GET /v1/multiplications/{id}/events 2xx":  1,
		"millrace_http_response_size_bytes GET /v1/multiplications/{id}/events": 1,
		"millrace_http_requests_in_flight":                                      0,
	} {
		if value, ok := got[name]; !ok || value != want {
			t.Errorf("%s is %v (%t), want %v", name, value, ok, want)
		}
	}
	if _, ok := got["millrace_http_request_duration_seconds GET /v1/multiplications/{id}/events"]; ok {
		t.Error("the duration of a stream of events is observed")
	}
	for name := range got {
		if strings.Contains(name, "nothing") || strings.Contains(name, "INVENTED") {
			t.Errorf("series %s has a label that a client made up", name)
		}
	}
}

// TestSizesAreObserved: the bytes of bodies are counted, also of a response that breaks off.
func TestSizesAreObserved(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	server := httptest.NewServer(observe.Requests(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = w.Write(make([]byte, 2000))
		panic(http.ErrAbortHandler)
	}), registry))
	defer server.Close()
	response, err := server.Client().Post(server.URL, "text/plain", strings.NewReader("12345"))
	if err == nil {
		_, err = io.Copy(io.Discard, response.Body)
		_ = response.Body.Close()
	}
	if err == nil {
		t.Error("reading the response succeeds, want an error in the middle")
	}
	server.Close()
	const want = `
		# HELP millrace_http_requests_in_flight Requests in flight.
		# TYPE millrace_http_requests_in_flight gauge
		millrace_http_requests_in_flight 0
		# HELP millrace_http_request_size_bytes Bytes of request bodies that were read.
		# TYPE millrace_http_request_size_bytes histogram
		millrace_http_request_size_bytes_bucket{method="POST",route="unmatched",le="1024"} 1
		millrace_http_request_size_bytes_bucket{method="POST",route="unmatched",le="65536"} 1
		millrace_http_request_size_bytes_bucket{method="POST",route="unmatched",le="1.048576e+06"} 1
		millrace_http_request_size_bytes_bucket{method="POST",route="unmatched",le="3.3554432e+07"} 1
		millrace_http_request_size_bytes_bucket{method="POST",route="unmatched",le="1.073741824e+09"} 1
		millrace_http_request_size_bytes_bucket{method="POST",route="unmatched",le="3.4359738368e+10"} 1
		millrace_http_request_size_bytes_bucket{method="POST",route="unmatched",le="+Inf"} 1
		millrace_http_request_size_bytes_sum{method="POST",route="unmatched"} 5
		millrace_http_request_size_bytes_count{method="POST",route="unmatched"} 1
	`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want),
		"millrace_http_requests_in_flight", "millrace_http_request_size_bytes"); err != nil {
		t.Error(err)
	}
}

// Package observe measures the requests to an HTTP handler.
package observe

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/millrace/millrace/handlers/resource"
)

var (
	// requestBuckets are the buckets of the duration of requests, in seconds.
	requestBuckets = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10, 60, 600}
	// sizeBuckets are the buckets of the sizes of bodies, in bytes.
	sizeBuckets = []float64{1 << 10, 64 << 10, 1 << 20, 32 << 20, 1 << 30, 32 << 30}
)

// unmatched is the route of requests without one: unknown paths and wrong methods.
const unmatched = "unmatched"

// httpMetrics are the metrics of requests. Labels are routes and known methods, not what a client sends: their number
// is bounded. See docs/metrics.md.
type httpMetrics struct {
	requests *prometheus.CounterVec // by route, method and class of status
	duration *prometheus.HistogramVec
	received *prometheus.HistogramVec
	sent     *prometheus.HistogramVec
	inFlight prometheus.Gauge
	known    sync.Map // of a route and a method: *series
}

// series are the metrics of one route and method.
type series struct {
	classes        [len(classes)]prometheus.Counter
	received, sent prometheus.Observer
	duration       func() prometheus.Observer // makes it with the first request that has a duration
}

// classes are those of the status of a response.
var classes = [...]string{"2xx", "3xx", "4xx", "5xx"}

// Requests returns a handler that counts the requests to next in metrics of registry.
func Requests(next http.Handler, registry prometheus.Registerer) http.Handler {
	factory := promauto.With(registry)
	labels := []string{"route", "method"}
	histogram := func(name, help string, buckets []float64) *prometheus.HistogramVec {
		return factory.NewHistogramVec(prometheus.HistogramOpts{
			Name:    name,
			Help:    help,
			Buckets: buckets,
		}, labels)
	}
	m := &httpMetrics{
		requests: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "millrace_http_requests_total",
			Help: "Completed requests, by route, method and class of status.",
		}, append(labels, "status")),
		duration: histogram("millrace_http_request_duration_seconds",
			"From the head of a request to the end of its response; without requests that ask to wait.", requestBuckets),
		received: histogram("millrace_http_request_size_bytes", "Bytes of request bodies that were read.", sizeBuckets),
		sent:     histogram("millrace_http_response_size_bytes", "Bytes of response bodies that were written.", sizeBuckets),
		inFlight: factory.NewGauge(prometheus.GaugeOpts{
			Name: "millrace_http_requests_in_flight",
			Help: "Requests in flight.",
		}),
	}
	m.count(unmatched, http.MethodGet)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { m.serve(next, w, r) })
}

func (m *httpMetrics) serve(next http.Handler, w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	body := &countedBody{ReadCloser: r.Body}
	inner := r.WithContext(r.Context()) // the server looks at the body of its own request
	inner.Body = body
	resp := &countedWriter{ResponseWriter: w}
	m.inFlight.Inc()
	defer func() { // also after a panic
		m.inFlight.Dec()
		r.Pattern = inner.Pattern
		route := routeOf(r)
		method := methodOf(r)
		of := m.of(route, method)
		of.classes[resp.class()].Inc()
		of.received.Observe(float64(body.bytes))
		of.sent.Observe(float64(resp.bytes))
		trace(inner.Context(), r, route, resp, body.bytes)
		if !waits(r, resp.Header()) {
			of.duration().Observe(time.Since(start).Seconds())
		}
	}()
	next.ServeHTTP(resp, inner)
}

// of returns the metrics of a route and a method.
func (m *httpMetrics) of(route, method string) *series {
	key := [2]string{route, method}
	if found, ok := m.known.Load(key); ok {
		return found.(*series) //nolint:forcetypeassert // nothing else is stored
	}
	made := &series{
		classes:  m.count(route, method),
		received: m.received.WithLabelValues(route, method),
		sent:     m.sent.WithLabelValues(route, method),
		duration: sync.OnceValue(func() prometheus.Observer { return m.duration.WithLabelValues(route, method) }),
	}
	m.known.Store(key, made)
	return made
}

// count makes the counters of all classes with the first request: a rate of errors misses an error that begins a
// series.
func (m *httpMetrics) count(route, method string) (counters [len(classes)]prometheus.Counter) {
	for i, class := range classes {
		counters[i] = m.requests.WithLabelValues(route, method, class)
	}
	return counters
}

// routeOf returns the pattern that a request matches, without its method.
func routeOf(r *http.Request) string {
	_, path, found := strings.Cut(r.Pattern, " ")
	switch {
	case r.Pattern == "":
		return unmatched
	case !found:
		path = r.Pattern
	}
	return strings.TrimSuffix(path, "{$}")
}

func methodOf(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions,
		http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
		return r.Method
	}
	return "other"
}

// waits reports whether a request asks to wait, or has a stream of events as its response: the duration of these is no
// measure of the service.
func waits(r *http.Request, resp http.Header) bool {
	return strings.Contains(r.Header.Get("Prefer"), "wait") ||
		strings.HasPrefix(resp.Get("Content-Type"), resource.MediaEvents)
}

// countedBody counts the bytes that are read of a request.
type countedBody struct {
	io.ReadCloser
	bytes int64
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.bytes += int64(n)
	return n, err
}

// countedWriter counts the bytes that are written of a response.
type countedWriter struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (w *countedWriter) WriteHeader(status int) {
	if w.status == 0 && status >= http.StatusOK { // not an interim response
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *countedWriter) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(p)
	w.bytes += int64(n)
	return n, err
}

// class returns the index of the class of the status. A response that no handler has begun is a 200, which the server
// sends.
func (w *countedWriter) class() int {
	if w.status == 0 {
		return 0
	}
	return min(w.status/100-2, len(classes)-1)
}

// Unwrap lets http.ResponseController reach the server's own writer.
func (w *countedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

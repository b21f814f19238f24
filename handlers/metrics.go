package handlers

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/millrace/millrace/handlers/resource"
)

// Buckets of the time that requests take, in seconds, and of the sizes of their bodies, in bytes.
var (
	requestBuckets = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10, 60, 600}
	sizeBuckets    = []float64{1 << 10, 64 << 10, 1 << 20, 32 << 20, 1 << 30, 32 << 30}
)

// unmatched is the route of requests that have none: paths of nobody, wrong methods.
const unmatched = "unmatched"

// httpMetrics is what is counted of requests. Labels are routes and known methods, never what a client made up: their
// number is bounded. See docs/metrics.md.
type httpMetrics struct {
	requests *prometheus.CounterVec // by route, method and class of status
	duration *prometheus.HistogramVec
	received *prometheus.HistogramVec
	sent     *prometheus.HistogramVec
	inFlight prometheus.Gauge
}

// Observed counts the requests that next answers in metrics of registry.
func Observed(next http.Handler, registry prometheus.Registerer) http.Handler {
	factory, labels := promauto.With(registry), []string{"route", "method"}
	histogram := func(name, help string, buckets []float64) *prometheus.HistogramVec {
		return factory.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
	}
	m := &httpMetrics{
		requests: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "millrace_http_requests_total", Help: "Requests that were answered, by route, method and class of status.",
		}, append(labels, "status")),
		duration: histogram("millrace_http_request_duration_seconds",
			"From the head of a request to the end of its answer; without those that asked to wait.", requestBuckets),
		received: histogram("millrace_http_request_size_bytes", "How much of the bodies of requests was read.", sizeBuckets),
		sent:     histogram("millrace_http_response_size_bytes", "How much of the bodies of answers was written.", sizeBuckets),
		inFlight: factory.NewGauge(prometheus.GaugeOpts{
			Name: "millrace_http_requests_in_flight", Help: "Requests that are being answered.",
		}),
	}
	m.add(unmatched, http.MethodGet)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { m.serve(next, w, r) })
}

func (m *httpMetrics) serve(next http.Handler, w http.ResponseWriter, r *http.Request) {
	start, body, answer := time.Now(), &countedBody{ReadCloser: r.Body}, &countedAnswer{ResponseWriter: w}
	r.Body = body
	m.inFlight.Inc()
	defer func() { // also of an answer that was given up by a panic
		m.inFlight.Dec()
		route, method := routeOf(r), methodOf(r)
		m.add(route, method)
		m.requests.WithLabelValues(route, method, answer.class()).Inc()
		m.received.WithLabelValues(route, method).Observe(float64(body.bytes))
		m.sent.WithLabelValues(route, method).Observe(float64(answer.bytes))
		if !waits(r, answer.Header()) {
			m.duration.WithLabelValues(route, method).Observe(time.Since(start).Seconds())
		}
	}()
	next.ServeHTTP(answer, r)
}

// add makes the series of a route that has its first request: a rate of errors that begins with the first error would miss
// it.
func (m *httpMetrics) add(route, method string) {
	for _, class := range []string{"2xx", "3xx", "4xx", "5xx"} {
		m.requests.WithLabelValues(route, method, class)
	}
}

// routeOf returns the pattern that a request has matched, without its method.
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
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return r.Method
	}
	return "other"
}

// waits reports whether a request asks for an answer later than soon, or is answered for as long as its client listens: how
// long that takes is no measure of the service.
func waits(r *http.Request, answer http.Header) bool {
	return strings.Contains(r.Header.Get("Prefer"), "wait") || strings.HasPrefix(answer.Get("Content-Type"), resource.MediaEvents)
}

// countedBody counts what is read of a request.
type countedBody struct {
	io.ReadCloser
	bytes int64
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.bytes += int64(n)
	return n, err
}

// countedAnswer counts what is written of an answer.
type countedAnswer struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (a *countedAnswer) WriteHeader(status int) {
	if a.status == 0 && status >= http.StatusOK { // not an interim answer
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *countedAnswer) Write(p []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	n, err := a.ResponseWriter.Write(p)
	a.bytes += int64(n)
	return n, err
}

// class returns the first digit of the status; an answer that nobody has begun is a 200, as the server has it.
func (a *countedAnswer) class() string {
	if a.status == 0 {
		return "2xx"
	}
	return fmt.Sprintf("%dxx", a.status/100)
}

// Unwrap lets http.ResponseController reach the server's own writer.
func (a *countedAnswer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

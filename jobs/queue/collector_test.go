package queue

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// gauges returns the gauges of a registry by name and labels as Prometheus writes them.
func gauges(t *testing.T, registry *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			var labels []string
			for _, pair := range m.GetLabel() {
				labels = append(labels, fmt.Sprintf("%s=%q", pair.GetName(), pair.GetValue()))
			}
			name := family.GetName()
			if len(labels) > 0 {
				name += "{" + strings.Join(labels, ",") + "}"
			}
			if m.GetGauge() != nil {
				all[name] = m.GetGauge().GetValue()
			}
		}
	}
	return all
}

// expectGauges compares some gauges.
func expectGauges(t *testing.T, got, want map[string]float64) {
	t.Helper()
	for name, value := range want {
		if g, ok := got[name]; !ok || g != value {
			t.Errorf("%s = %v (exists: %t), want %v", name, g, ok, value)
		}
	}
}

// TestCollectIdle: an autoscaler finds each series, at zero, as soon as the process has started.
func TestCollectIdle(t *testing.T) {
	b := setup(t)
	registry := prometheus.NewRegistry()
	b.start(Config{Lead: true, Metrics: registry}, idle)
	want := map[string]float64{"millrace_leases": 1}
	for _, queue := range []string{"small", "tiles"} {
		want[`river_queue_depth{queue="`+queue+`"}`] = 0
		want[`millrace_queue_oldest_job_age_seconds{queue="`+queue+`"}`] = 0
		want[`millrace_queue_work_seconds{queue="`+queue+`"}`] = 0
		for _, state := range []string{"available", "running", "retryable", "scheduled", "pending", "unqueued"} {
			want[`millrace_queue_jobs{queue="`+queue+`",state="`+state+`"}`] = 0
		}
	}
	expectGauges(t, gauges(t, registry), want)
}

// TestCollectUnavailable: what was read last stands for a while. Then there is no number at all, but when it was read
// is still reported.
func TestCollectUnavailable(t *testing.T) {
	b := setup(t)
	var log bytes.Buffer
	b.log = slog.New(slog.NewTextHandler(&log, nil))
	registry := prometheus.NewRegistry()
	c := b.client(Config{Lead: true, Metrics: registry}, idle)
	found := gauges(t, registry)
	if _, ok := c.Depths(); ok || len(found) > 0 {
		t.Errorf("before the first read: Depths() reports %t and there are %v, want false and no gauges", ok, found)
	}
	c.refreshDepths(t.Context())
	read, ok := c.Depths()
	if !ok || log.Len() > 0 {
		t.Fatalf("after a read: Depths() reports %t, logged %q, want true and no log", ok, &log)
	}
	b.store.Pool.Close()
	c.refreshDepths(t.Context())
	if again, ok := c.Depths(); !ok || again.At != read.At || log.Len() == 0 {
		t.Errorf("Depths() = %+v, %t, logged %q, want what was read before, true, and the error", again, ok, &log)
	}
	if found = gauges(t, registry); len(found) < 10 {
		t.Errorf("for a while it reports %v, want what was read before", found)
	}
	read.At = read.At.Add(-keepDepths)
	c.depths.Store(&read)
	const refreshed = "millrace_queue_last_refresh_timestamp_seconds"
	found = gauges(t, registry)
	if _, ok := found[refreshed]; !ok || len(found) != 1 {
		t.Errorf("after a while it reports %v, want %s only", found, refreshed)
	}
}

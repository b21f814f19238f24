package handlers_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/millrace/millrace/handlers/resource"
)

// BenchmarkWait submits two 2×2 matrices and waits for the result, one multiplication after the other on an idle
// service.
func BenchmarkWait(b *testing.B) {
	s := setup(b)
	var times []time.Duration
	for b.Loop() {
		begin := time.Now()
		s.postWait(b, twoByTwo, "wait=10").want(b, http.StatusOK)
		times = append(times, time.Since(begin))
	}
	b.ReportMetric(quantile(times, 50), "p50-ms")
	b.ReportMetric(quantile(times, 99), "p99-ms")
	b.ReportMetric(0, "ns/op") // the mean says little
}

// quantile returns a percentile in milliseconds.
func quantile(times []time.Duration, percent int) float64 {
	slices.Sort(times)
	return float64(times[(len(times)-1)*percent/100].Microseconds()) / 1000
}

// BenchmarkWaitingClients has many clients wait for one multiplication, which is cancelled when all wait. It measures
// the time from the cancellation to the last response, and what the clients cost Postgres.
func BenchmarkWaitingClients(b *testing.B) {
	const clients = 1000
	s := setupWith(b, options{idle: true})
	client := s.server.Client()
	client.Transport.(*http.Transport).MaxIdleConnsPerHost = clients
	var last []time.Duration
	var transactions, connections int64
	for b.Loop() {
		id := s.submit(b, twoByTwo).ID
		before := s.transactions(b)
		ends := make(chan time.Time, clients)
		for range clients {
			go func() { ends <- waitOnce(b, client, s.server.URL+"/v1/multiplications/"+id) }()
		}
		time.Sleep(3 * time.Second) // all wait; the transactions of this time are counted
		transactions += s.transactions(b) - before
		connections = max(connections, s.connections(b))
		begin := time.Now()
		s.do(b, http.MethodPost, "/v1/multiplications/"+id+"/cancel", nil).want(b, http.StatusOK)
		var end time.Time
		for range clients {
			if t := <-ends; t.After(end) {
				end = t
			}
		}
		last = append(last, end.Sub(begin))
	}
	b.ReportMetric(quantile(last, 50), "p50-ms-to-last-response")
	b.ReportMetric(quantile(last, 100), "max-ms-to-last-response")
	b.ReportMetric(float64(transactions)/float64(3*len(last)), "transactions/s")
	b.ReportMetric(float64(connections), "connections")
	b.ReportMetric(0, "ns/op")
}

func waitOnce(b *testing.B, client *http.Client, url string) time.Time {
	r, err := http.NewRequestWithContext(b.Context(), http.MethodGet, url, nil)
	if err != nil {
		b.Error(err)
	}
	r.Header.Set("Prefer", "wait=60")
	response, err := client.Do(r)
	if err != nil {
		b.Error(err)
		return time.Time{}
	}
	defer func() { _ = response.Body.Close() }()
	var m resource.Multiplication
	if err := json.NewDecoder(response.Body).Decode(&m); err != nil || m.State != "cancelled" {
		b.Errorf("%s: %s, %v, want cancelled", response.Status, m.State, err)
	}
	return time.Now()
}

// transactions returns the number of transactions in the database.
func (b *testBundle) transactions(t testing.TB) (n int64) {
	t.Helper()
	const query = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()"
	if err := b.store.Pool.QueryRow(t.Context(), query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// connections returns the number of connections to the database.
func (b *testBundle) connections(t testing.TB) (n int64) {
	t.Helper()
	const query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
	if err := b.store.Pool.QueryRow(t.Context(), query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

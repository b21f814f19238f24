package store_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/millrace/millrace/internal/testdb"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/npy"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/blocks"
)

// observed opens a store whose metrics are in the registry.
func observed(t *testing.T, address string) (*store.Store, *prometheus.Registry) {
	t.Helper()
	pool := testdb.New(t)
	b, err := blocks.Open(address, pool)
	if err != nil {
		t.Fatal(err)
	}
	s := store.Open(pool, b, time.Hour)
	registry := prometheus.NewRegistry()
	s.Observe(registry)
	return s, registry
}

// expect compares metrics with their text form.
func expect(t *testing.T, registry *prometheus.Registry, want string, names ...string) {
	t.Helper()
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), names...); err != nil {
		t.Error(err)
	}
}

func TestBlocksAreObserved(t *testing.T) {
	t.Parallel()
	for kind, address := range map[string]string{"postgres": "postgres", "file": "file://" + t.TempDir()} {
		s, registry := observed(t, address)
		id := store.NewID()
		block := bytes.Repeat([]byte{1}, 1000)
		if err := s.Blocks.Put(t.Context(), id, 0, block); err != nil {
			t.Fatal(err)
		}
		if err := s.Blocks.Read(t.Context(), blocks.Block{Matrix: id, Size: 1000}, 900, make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
		if err := s.Blocks.Read(t.Context(), blocks.Block{
			Matrix: id,
			Index:  7,
			Size:   1000,
		}, 0, make([]byte, 100)); !errors.Is(err, blocks.ErrMissing) {
			t.Fatal(err)
		}
		if err := s.Blocks.Delete(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		if owners, err := blocks.AllOwners(t.Context(), s.Blocks); err != nil || len(owners) > 0 {
			t.Errorf("%v, %v", owners, err)
		}
		expect(t, registry, `
			# HELP millrace_block_bytes_total Bytes that were read from and written to the block store.
			# TYPE millrace_block_bytes_total counter
			millrace_block_bytes_total{operation="read",store="`+kind+`"} 100
			millrace_block_bytes_total{operation="write",store="`+kind+`"} 1000
			# HELP millrace_block_errors_total Operations of the block store that failed.
			# TYPE millrace_block_errors_total counter
			millrace_block_errors_total{operation="delete",store="`+kind+`"} 0
			millrace_block_errors_total{operation="read",store="`+kind+`"} 1
			millrace_block_errors_total{operation="write",store="`+kind+`"} 0
		`, "millrace_block_bytes_total", "millrace_block_errors_total")
		if n := testutil.CollectAndCount(registry, "millrace_block_operation_duration_seconds"); n != 3 {
			t.Errorf("%d operations are timed", n)
		}
	}
}

// TestTransferMemoryIsObserved: what is reserved is shown until it is released.
func TestTransferMemoryIsObserved(t *testing.T) {
	t.Parallel()
	s, registry := observed(t, "postgres")
	m := store.NewRandom(matrix.Shape{
		Rows:  1000,
		Cols:  100,
		DType: matrix.Float64,
	}, 1)
	release, err := s.ReserveRead(t.Context(), m.Shape().Bytes())
	if err != nil {
		t.Fatal(err)
	}
	const head = `
		# HELP millrace_transfer_memory_bytes Memory that uploads and downloads hold.
		# TYPE millrace_transfer_memory_bytes gauge
		`
	expect(t, registry, head+"millrace_transfer_memory_bytes 1.6e+06\n", "millrace_transfer_memory_bytes")
	release()
	expect(t, registry, head+"millrace_transfer_memory_bytes 0\n", "millrace_transfer_memory_bytes")
}

// TestBodiesReserve: a body takes what its size says, up to a bound; of an unknown size the bound.
func TestBodiesReserve(t *testing.T) {
	t.Parallel()
	s, registry := observed(t, "postgres")
	for size, want := range map[int64]float64{
		0: 32 << 10, 1000: 32<<10 + 6000, 120_000: 256<<10 + 480_000, 1 << 62: 768 << 10, -1: 768 << 10,
	} {
		release, err := s.ReserveBody(t.Context(), size)
		if err != nil {
			t.Fatal(err)
		}
		if got := gauge(t, registry, "millrace_transfer_memory_bytes"); got != want {
			t.Errorf("a body of %d bytes takes %.0f, want %.0f", size, got, want)
		}
		release()
	}
}

// TestLargeTransfersLeaveRoom: what is large, medium and small has memory of its own, of which there is not more.
func TestLargeTransfersLeaveRoom(t *testing.T) {
	t.Parallel()
	s, _ := observed(t, "postgres")
	const medium = 2 * npy.MaxWindowBytes
	ended, end := context.WithCancel(t.Context())
	end()
	for _, pool := range []struct{ each, all int64 }{{medium, 48 << 20}, {512 << 10, 16 << 20}, {medium + 1, 96 << 20}} {
		for range pool.all / pool.each {
			if _, err := s.Reserve(t.Context(), pool.each); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.Reserve(ended, pool.each); err == nil {
			t.Errorf("there is more than %d bytes for transfers of %d", pool.all, pool.each)
		}
	}
}

// TestMetricsOfBoth: the free space of the block store is told by one that has a file system of its own, and the
// connections by both.
func TestMetricsOfBoth(t *testing.T) {
	t.Parallel()
	for address, space := range map[string]int{"postgres": 0, "file://" + t.TempDir(): 1} {
		_, registry := observed(t, address)
		for name, want := range map[string]int{
			"millrace_block_store_free_bytes":              space,
			"millrace_block_store_min_free_bytes":          space,
			"millrace_database_connections":                3,
			"millrace_database_connections_limit":          1,
			"millrace_database_acquires_total":             1,
			"millrace_database_acquire_waits_total":        1,
			"millrace_database_acquire_wait_seconds_total": 1,
			"millrace_transfer_memory_limit_bytes":         1,
			"millrace_transfers_waiting":                   1,
		} {
			got, err := testutil.GatherAndCount(registry, name)
			if err != nil || got != want {
				t.Errorf("%s has %d series of %s, %v, want %d", address, got, name, err, want)
			}
		}
	}
}

// gauge returns the value of a metric without labels.
func gauge(t *testing.T, registry *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == name {
			return family.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatalf("there is no %s", name)
	return 0
}

// TestConnectionsAreObserved: a connection that is in use is shown.
func TestConnectionsAreObserved(t *testing.T) {
	t.Parallel()
	s, registry := observed(t, "postgres")
	conn, err := s.Pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	expect(t, registry, `
		# HELP millrace_database_connections Connections of this process to the database, by state.
		# TYPE millrace_database_connections gauge
		millrace_database_connections{state="acquired"} 1
		millrace_database_connections{state="idle"} 0
		millrace_database_connections{state="opening"} 0
		# HELP millrace_database_connections_limit Connections that this process may open.
		# TYPE millrace_database_connections_limit gauge
		millrace_database_connections_limit 10
	`, "millrace_database_connections", "millrace_database_connections_limit")
}

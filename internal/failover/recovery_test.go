package failover_test

import (
	"regexp"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/testdb"
)

// pidOf matches the process in the name of a worker.
var pidOf = regexp.MustCompile(`-(\d+)-[A-Z0-9]+$`)

// oneTile is a multiplication of one tile that takes some seconds.
const oneTile = `{"a": {"random": {"rows": 2000, "cols": 16000}}, "b": {"random": {"rows": 16000, "cols": 2000, "seed": 1}}}`

// BenchmarkRecovery measures the time from the SIGKILL to a worker to the moment at which another one, which is idle,
// begins its tile.
func BenchmarkRecovery(b *testing.B) {
	pool := testdb.New(b)
	databaseURL := testdb.URL(pool)
	api := serve(b, databaseURL, "MILLRACE_LEASE=10s")
	workers := []*process{work(b, databaseURL, "MILLRACE_LEASE=10s"), work(b, databaseURL, "MILLRACE_LEASE=10s")}
	const judges = "SELECT bool_or(session_since + interval '11 seconds' < now()) FROM workers WHERE id LIKE 'api@%'"
	until(b, "the API judges", func() (yes bool) {
		return pool.QueryRow(b.Context(), judges).Scan(&yes) == nil && yes
	})
	const attempt = "SELECT attempted_by[array_upper(attempted_by, 1)], attempted_at FROM river_job " +
		"WHERE args->>'multiplication_id' = $1 AND state = 'running'"
	var times []time.Duration
	for b.Loop() {
		id := api.submit(oneTile, "").ID
		var first, next string
		var at time.Time
		until(b, "the tile runs", func() bool { return pool.QueryRow(b.Context(), attempt, id).Scan(&first, &at) == nil })
		pid, err := strconv.Atoi(pidOf.FindStringSubmatch(first)[1])
		if err != nil {
			b.Fatal(err)
		}
		i := slices.IndexFunc(workers, func(p *process) bool { return p.cmd.Process.Pid == pid })
		killed := time.Now()
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			b.Fatal(err)
		}
		until(b, "the tile runs elsewhere", func() bool {
			return pool.QueryRow(b.Context(), attempt, id).Scan(&next, &at) == nil && next != first
		})
		times = append(times, at.Sub(killed))
		api.send("POST", "/v1/multiplications/"+id+"/cancel", "", "")
		_ = workers[i].cmd.Wait()
		workers[i] = work(b, databaseURL, "MILLRACE_LEASE=10s")
	}
	slices.Sort(times)
	b.ReportMetric(times[len(times)/2].Seconds(), "p50-s")
	b.ReportMetric(times[len(times)*99/100].Seconds(), "p99-s")
	b.ReportMetric(0, "ns/op")
}

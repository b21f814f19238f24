package ledger_test

import (
	"strings"
	"time"
)

// killedAPI kills the API when it has committed multiplications and has not responded yet. Their clients repeat the
// requests.
func killedAPI(d *deployment, b *book) {
	defer d.cluster.wire.Delay(0)
	for range scale(2, 10) {
		until(d.t, "clients do not know of all commits", func() bool {
			d.cluster.wire.Delay(300 * time.Millisecond) // between a commit and its response
			until(d.t, "there are commits under way", func() bool { return len(b.untold(d.cluster)) > 0 })
			d.killAPI()
			untold := len(b.untold(d.cluster))
			d.cluster.wire.Delay(0)
			d.startAPI(strings.TrimPrefix(*d.server.Load(), "http://"))
			return untold > 0
		})
	}
}

// killedBundle kills workers that compute bundles of small multiplications.
func killedBundle(d *deployment, b *book) {
	const active = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'ledger%' AND state = 'active'"
	const running = "SELECT attempted_by[array_upper(attempted_by, 1)] FROM river_job " +
		"WHERE kind = 'multiply_inline' AND state = 'running' AND NOT attempted_by[array_upper(attempted_by, 1)] = ANY($1) " +
		"ORDER BY (args->>'multiplications')::int DESC LIMIT 1"
	lost := []string{}
	for range scale(2, 10) {
		until(d.t, "a worker is in a bundle", func() bool {
			// One silence after the other would keep workers from renewing their leases, without which they fetch no bundles.
			checked := b.checked.Load()
			until(d.t, "the load goes on", func() bool { return b.checked.Load() > checked })
			d.cluster.wire.Silence()
			defer d.cluster.wire.Speak()
			until(d.t, "no statement is under way", func() bool { return value[int64](d.cluster, active) == 0 })
			found := list[struct{ Worker string }](d.cluster, running, lost)
			for _, bundle := range found {
				d.loseWorker(bundle.Worker)
				lost = append(lost, bundle.Worker)
				d.cluster.wire.Break() // and what it has sent
			}
			return len(found) > 0
		})
		d.startWorker()
	}
}

package jobs_test

import (
	"strings"
	"testing"

	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/jobs/queue"
)

// TestStoppedTileEndsItsMultiplication: a tile that was stopped without passing through Millrace's code fails its
// multiplication although others wait.
func TestStoppedTileEndsItsMultiplication(t *testing.T) {
	for name, test := range map[string]struct{ sql, want string }{
		"discarded": {
			`UPDATE river_job SET state = 'discarded', finalized_at = now(),
				errors = ARRAY[jsonb_build_object('at', now(), 'attempt', 3, 'error', 'lost', 'trace', '')]`, "tile 2, attempt 3: lost",
		},
		"cancelled": {"UPDATE river_job SET state = 'cancelled', finalized_at = now()", "tile 2 was cancelled"},
		"quarantined": {
			`UPDATE river_job SET state = 'discarded', finalized_at = now(), metadata = metadata || '{"crashes": 3}'`,
			"tile 2 crashed its worker 3 times and is quarantined",
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := setup(t)
			c := b.client(queue.Config{Lead: true})
			if err := c.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			b.untilCount(1, "SELECT count(*) FROM river_job WHERE kind = 'sweep' AND state = 'completed'")
			id := b.submit(c, fourM, fourK, fourN)
			other := b.submit(c, fourM, fourK, fourN)
			b.exec(test.sql+" WHERE args->>'tile' = '2' AND args->>'multiplication_id' = $1", id.String())
			if m := b.ends(id, jobs.Failed); !strings.Contains(m.Failure, test.want) {
				t.Errorf("the failure is %q, want one with %q", m.Failure, test.want)
			}
			b.untilJobsEnd(id)
			b.until(other, "active still", func(m jobs.Multiplication) bool { return m.State == jobs.Pending })
		})
	}
}

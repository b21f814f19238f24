package ledger_test

import (
	"context"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/internal/wire"
	"github.com/millrace/millrace/jobs/queue"
)

// repeat crashes the cluster so often.
func repeat(d *deployment, n int, crash func(*cluster)) {
	for range n {
		crash(d.cluster)
		time.Sleep(scale(500*time.Millisecond, 3*time.Second)) // the load goes on
	}
}

// silence has nothing forwarded between the processes and the database.
func silence(d *deployment, _ *book) {
	d.cluster.wire.Silence()
	time.Sleep(scale(3*time.Second, 30*time.Second)) // the fault lasts
	d.cluster.wire.Speak()
}

// deafness has statements arrive, and their responses not.
func deafness(d *deployment, _ *book) {
	d.cluster.wire.Silence(wire.Responses)
	time.Sleep(scale(3*time.Second, 30*time.Second)) // the fault lasts
	d.cluster.wire.Break()
	d.cluster.wire.Speak()
}

// slowness has each response of the database be late.
func slowness(d *deployment, _ *book) {
	d.cluster.wire.Delay(3 * time.Second)
	time.Sleep(scale(3*time.Second, 30*time.Second)) // the fault lasts
	d.cluster.wire.Delay(0)
}

// lockedLeases keeps all processes from renewing their leases, and nothing else.
func lockedLeases(d *deployment, _ *book) {
	d.cluster.with(func(ctx context.Context, conn *pgx.Conn) {
		tx, err := conn.Begin(ctx)
		if err == nil {
			_, err = tx.Exec(ctx, "LOCK TABLE workers IN EXCLUSIVE MODE")
		}
		if err != nil {
			d.t.Fatal(err)
		}
		time.Sleep(scale(3*lease, 8*lease)) // the fault lasts
		if err := tx.Rollback(ctx); err != nil {
			d.t.Fatal(err)
		}
	})
}

// frozenWorker stops a worker while it is in a transaction, for longer than its lease.
func frozenWorker(d *deployment, _ *book) {
	d.cluster.wire.Delay(20 * time.Millisecond) // transactions take longer
	defer d.cluster.wire.Delay(0)
	const inTransaction = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND state = 'idle in transaction'"
	victim := d.workers[0]
	pid := victim.cmd.Process.Pid
	until(d.t, victim.name+" is frozen in a transaction", func() bool {
		kill(d.t, pid, syscall.SIGSTOP)
		time.Sleep(60 * time.Millisecond) // the responses under way arrive
		if value[int64](d.cluster, inTransaction, victim.name) > 0 {
			return true
		}
		kill(d.t, pid, syscall.SIGCONT)
		return false
	})
	time.Sleep(scale(3*time.Second, 20*time.Second)) // the fault lasts
	kill(d.t, pid, syscall.SIGCONT)
}

// readOnly makes the database read-only for a while, as a switch-over does.
func readOnly(d *deployment, _ *book) {
	d.cluster.exec("ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()")
	time.Sleep(scale(3*time.Second, 30*time.Second)) // the fault lasts
	d.cluster.exec("ALTER SYSTEM RESET default_transaction_read_only", "SELECT pg_reload_conf()")
}

// poison is a multiplication of one tile, beside others, whose workers are killed while they compute it. It is
// quarantined, and it alone.
func poison(d *deployment, b *book) {
	const side = 2000
	o := random("poison", side, 8*side, side, 1)
	o.poison = true
	l := d.newLoad(b)
	defer l.end(0)
	id, err := l.submit(d.t.Context(), o)
	if err != nil {
		d.t.Fatal(err)
	}
	// One that has crashed two workers waits until it is alone in the next one, and does no harm before.
	const victim = "SELECT attempted_by[array_upper(attempted_by, 1)] FROM river_job " +
		"WHERE args->>'multiplication_id' = $1 AND state = 'running' AND NOT attempted_by[array_upper(attempted_by, 1)] = ANY($2) " +
		"AND (coalesce((metadata->>'crashes')::int, 0) < 2 OR (metadata->>'alone')::timestamptz = attempted_at)"
	const final = "SELECT state NOT IN ('pending', 'in_progress') FROM multiplications WHERE id = $1"
	killed := []string{}
	until(d.t, "the tile is quarantined", func() bool {
		for _, worker := range list[struct{ Name string }](d.cluster, victim, id, killed) {
			d.killWorker(worker.Name)
			killed = append(killed, worker.Name)
		}
		return value[bool](d.cluster, final, id)
	})
	if len(killed) != queue.MaxCrashes {
		d.t.Errorf("quarantined after %d crashes, want %d", len(killed), queue.MaxCrashes)
	}
}

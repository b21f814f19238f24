package ledger_test

import (
	"context"
	"math/rand/v2"
	"syscall"
	"time"
)

// chaos is a run.
type chaos struct {
	d          *deployment
	fleet      *fleet
	recoveries *recoveries
	mends      []mend
	began      time.Time
}

// mend ends a fault at some time.
type mend struct {
	at time.Time
	f  func()
}

// play plays a schedule, until its end and that of its last fault.
func (c *chaos) play(ctx context.Context, faults []planned, duration time.Duration) {
	c.d.t.Helper()
	c.began = time.Now()
	for _, fault := range faults {
		c.sleep(c.began.Add(fault.at))
		if fault.ofDatabase {
			c.recoveries.disturb()
		}
		c.d.t.Logf("%5.1fs: %s", time.Since(c.began).Seconds(), fault)
		c.inflict(ctx, fault)
	}
	c.sleep(c.began.Add(duration))
	for len(c.mends) > 0 {
		c.sleep(c.mends[0].at)
	}
}

// sleep sleeps until a time, and mends what is due before.
func (c *chaos) sleep(until time.Time) {
	for {
		now := time.Now()
		next := until
		var rest []mend
		for _, m := range c.mends {
			if m.at.After(now) {
				rest = append(rest, m)
				if m.at.Before(next) {
					next = m.at
				}
				continue
			}
			m.f()
		}
		c.mends = rest
		if !until.After(now) {
			return
		}
		time.Sleep(next.Sub(now)) // the faults last, and the load goes on
	}
}

// later mends something.
func (c *chaos) later(after time.Duration, f func()) {
	c.mends = append(c.mends, mend{time.Now().Add(after), f})
}

// inflict does what a fault is.
func (c *chaos) inflict(ctx context.Context, fault planned) {
	c.d.t.Helper()
	cluster, wire := c.d.cluster, c.d.cluster.wire
	switch fault.kind {
	case killWorker:
		s := c.busy(fault.target)
		pid := s.pid()
		s.signal(syscall.SIGKILL)
		c.recoveries.follow(ctx, cluster, killWorker, pid)
	case freezeWorker:
		s := c.busy(fault.target)
		pid := s.pid()
		c.later(fault.lasts, s.freeze())
		c.recoveries.follow(ctx, cluster, freezeWorker, pid)
	case stopWorker:
		c.fleet.workers[fault.target].signal(syscall.SIGTERM)
	case killAPI:
		c.fleet.apis[fault.target].signal(syscall.SIGKILL)
	case freezeAPI:
		c.later(fault.lasts, c.fleet.apis[fault.target].freeze())
	case rollAPIs:
		c.fleet.apis[0].signal(syscall.SIGTERM)
		c.later(2*time.Second, func() { c.fleet.apis[1].signal(syscall.SIGTERM) })
	case killBackend:
		cluster.crash()
	case endBackends:
		const end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'ledger%' AND random() < 0.5"
		_, _ = ask[struct{ Ended bool }](ctx, cluster, end)
	case fastRestart:
		cluster.restart(syscall.SIGINT)
	case immediateStop:
		cluster.restart(syscall.SIGQUIT)
	case killPostgres:
		cluster.restart(syscall.SIGKILL)
	case cutWires:
		wire.Break()
	case shutWires:
		wire.Shut()
		c.later(fault.lasts, wire.Open)
	case silentWires:
		wire.Silence()
		c.later(fault.lasts, wire.Speak)
	case slowWires:
		wire.Delay(fault.lasts / 4)
		c.later(fault.lasts, func() { wire.Delay(0) })
	}
}

// busy returns a worker, when a job runs in it or after two seconds.
func (c *chaos) busy(target int) *slot {
	s := c.fleet.workers[target]
	for deadline := time.Now().Add(2 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if c.d.cluster.runs(s.pid()) {
			return s
		}
	}
	return s
}

// crash kills a backend of Postgres, which then ends all others and recovers. A lost backend that is idle has none.
func (c *cluster) crash() {
	c.t.Helper()
	const backends = "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'ledger%'"
	rows, err := ask[struct{ PID int }](c.t.Context(), c, backends)
	if err != nil || len(rows) == 0 {
		return
	}
	_ = syscall.Kill(rows[rand.IntN(len(rows))].PID, syscall.SIGKILL) // it may have ended
}

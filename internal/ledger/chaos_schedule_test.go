package ledger_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// The processes of the chaos.
const (
	chaosAPIs    = 2
	chaosWorkers = 3
)

// The kinds of faults.
const (
	killWorker    = "a worker is killed"
	freezeWorker  = "a worker is frozen"
	stopWorker    = "a worker is stopped"
	killAPI       = "an API is killed"
	freezeAPI     = "an API is frozen"
	rollAPIs      = "the APIs are stopped, one after the other"
	killBackend   = "a backend of Postgres is killed"
	endBackends   = "backends of Postgres are ended"
	fastRestart   = "Postgres is restarted"
	immediateStop = "Postgres is stopped without a checkpoint"
	killPostgres  = "all of Postgres is killed"
	cutWires      = "connections to Postgres are cut"
	shutWires     = "Postgres is out of reach"
	silentWires   = "connections to Postgres fall silent"
	slowWires     = "Postgres is slow"
)

// faultKinds has each kind as often as it is in a round, and how long it lasts, in shares of a lease.
var faultKinds = []struct {
	kind       string
	count      int
	least      float64
	most       float64
	targets    int // among so many processes one is chosen
	ofDatabase bool
}{
	{killWorker, 3, 0, 0, chaosWorkers, false},
	{freezeWorker, 2, 0.2, 2, chaosWorkers, false},
	{stopWorker, 1, 0, 0, chaosWorkers, false},
	{killAPI, 2, 0, 0, chaosAPIs, false},
	{freezeAPI, 1, 0.1, 0.5, chaosAPIs, false},
	{rollAPIs, 1, 0, 0, 1, false},
	{killBackend, 1, 0, 0, 1, true},
	{endBackends, 1, 0, 0, 1, true},
	{fastRestart, 1, 0, 0, 1, true},
	{immediateStop, 1, 0, 0, 1, true},
	{killPostgres, 1, 0, 0, 1, true},
	{cutWires, 2, 0, 0, 1, true},
	{shutWires, 1, 0.1, 0.6, 1, true},
	{silentWires, 1, 0.1, 0.6, 1, true},
	{slowWires, 1, 0.1, 0.6, 1, true},
}

// planned is a fault of the schedule.
type planned struct {
	at     time.Duration // not before that time of the run
	kind   string
	target int           // which API or worker
	lasts  time.Duration // of what is mended
	// ofDatabase is of a fault that keeps jobs from being rescued.
	ofDatabase bool
}

func (p planned) String() string {
	text := fmt.Sprintf("%5.1fs %s", p.at.Seconds(), p.kind)
	if p.lasts > 0 {
		text += fmt.Sprintf(", for %.1fs", p.lasts.Seconds())
	}
	return text
}

// schedule returns the faults of a run: rounds of all kinds in random order. A seed always gives the same.
func schedule(seed uint64, duration, lease time.Duration) (faults []planned) {
	random := rand.New(rand.NewPCG(seed, 1))
	round := []planned{}
	gap := duration / max(20, duration/(4*time.Second))
	for at := gap; at < duration; at += gap/2 + time.Duration(random.Int64N(int64(gap))) {
		if len(round) == 0 {
			for _, f := range faultKinds {
				for range f.count {
					lasts := f.least + random.Float64()*(f.most-f.least)
					round = append(round, planned{
						kind:       f.kind,
						target:     random.IntN(f.targets),
						lasts:      time.Duration(lasts * float64(lease)),
						ofDatabase: f.ofDatabase,
					})
				}
			}
			random.Shuffle(len(round), func(i, j int) { round[i], round[j] = round[j], round[i] })
		}
		next := round[0]
		round = round[1:]
		next.at = at
		faults = append(faults, next)
		if duration > time.Minute && (next.kind == killWorker || next.kind == freezeWorker) {
			at += lease + lease/5 // so that the recovery of some is measured without other faults
		}
	}
	return faults
}

func text(faults []planned) string {
	lines := make([]string, len(faults))
	for i, f := range faults {
		lines[i] = f.String()
	}
	return strings.Join(lines, "\n")
}

// TestSchedule: a seed always gives the same faults, another seed others, and a run of three minutes has each kind.
func TestSchedule(t *testing.T) {
	first := schedule(1, 3*time.Minute, time.Second)
	if again := schedule(1, 3*time.Minute, time.Second); text(again) != text(first) {
		t.Errorf("the same seed gives\n%s\nand\n%s", text(first), text(again))
	}
	if other := schedule(2, 3*time.Minute, time.Second); text(other) == text(first) {
		t.Error("another seed gives the same faults")
	}
	for _, f := range faultKinds {
		if !strings.Contains(text(first), f.kind) {
			t.Errorf("a run has no fault of the kind %q", f.kind)
		}
	}
}

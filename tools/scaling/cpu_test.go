package scaling

import (
	"testing"
	"time"
)

// podsUsing returns pods that request one core each. A negative usage stands for a missing measurement.
func podsUsing(ready []bool, usage ...int64) []Pod {
	all := make([]Pod, len(usage))
	for i, u := range usage {
		all[i] = Pod{Ready: true, Request: 1000}
		if ready != nil {
			all[i].Ready = ready[i]
		}
		if u >= 0 {
			all[i].CPU = &Sample{
				At:     time.Hour,
				Window: 15 * time.Second,
				Usage:  u,
			}
		}
		if !all[i].Ready { // and never was
			all[i].Started = time.Hour - time.Minute
			all[i].ReadySince = all[i].Started
		}
	}
	return all
}

// TestCPU has cases of Kubernetes' replica_calculator_test.go and of its documentation.
func TestCPU(t *testing.T) {
	t.Parallel()
	const no = false
	const yes = true
	const none = -1
	for name, test := range map[string]struct {
		target int32
		pods   []Pod
		want   int32
	}{
		"twice the target":                 {10, podsUsing(nil, 200), 2},
		"half the target":                  {10, podsUsing(nil, 50, 50), 1},
		"within the tolerance":             {50, podsUsing(nil, 550, 550, 550), 3},
		"up":                               {30, podsUsing(nil, 300, 500, 700), 5},
		"up, less for an unready pod":      {30, podsUsing([]bool{no, yes, yes}, 300, 500, 700), 4},
		"not up, for unready pods":         {30, podsUsing([]bool{yes, no, no}, 400, 500, 700), 3},
		"up, but for unready pods within":  {30, podsUsing([]bool{yes, yes, no, no}, 650, 650, 0, 0), 4},
		"down":                             {50, podsUsing(nil, 100, 300, 500, 250, 250), 3},
		"down, unready pods do not count":  {50, podsUsing([]bool{yes, yes, yes, no, no}, 100, 300, 500, 250, 250), 2},
		"missing, on target":               {100, podsUsing(nil, 1000, none), 2},
		"missing, above target":            {100, podsUsing(nil, 1900, none), 2},
		"missing, below target":            {100, podsUsing(nil, 600, none), 2},
		"missing and unready, up":          {50, podsUsing([]bool{no, yes, yes}, 100, 2000, none), 4},
		"missing and unready, down":        {50, podsUsing([]bool{no, yes, yes, yes}, 100, 100, 100, none), 3},
		"missing and unready, as they are": {50, podsUsing([]bool{no, yes, yes}, 100, 450, none), 3},
	} {
		seen := Observation{Replicas: int32(len(test.pods)), Pods: test.pods}
		if got, ok := replicasForCPU(time.Hour, test.target, seen); !ok || got != test.want {
			t.Errorf("%s: replicasForCPU() = %d, %v, want %d, true", name, got, ok, test.want)
		}
	}
	if got, ok := replicasForCPU(time.Hour, 50, Observation{Replicas: 2, Pods: podsUsing(nil, none, none)}); ok {
		t.Errorf("no measurements: replicasForCPU() = %d, true, want false", got)
	}
}

// TestYoungPod: in its first five minutes, a pod counts only if the whole window of its measurement is from a time
// when it was ready.
func TestYoungPod(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		now, measured time.Duration
		want          bool
	}{
		"measured before it was ready": {time.Minute, 30 * time.Second, true},
		"measured while it was ready":  {time.Minute, 35 * time.Second, false},
		"old":                          {cpuInitialization, 0, false},
	} {
		p := Pod{
			Ready:      true,
			ReadySince: 20 * time.Second,
			CPU:        &Sample{At: test.measured, Window: 15 * time.Second},
		}
		if got := p.unready(test.now); got != test.want {
			t.Errorf("%s: unready() = %v, want %v", name, got, test.want)
		}
	}
}

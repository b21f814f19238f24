package scaling

import (
	"math"
	"time"

	autoscaling "k8s.io/api/autoscaling/v2"
)

// replicasForMetrics is computeReplicasForMetrics: it returns the largest number that any of the metrics asks for.
// While a metric is missing, the others may add pods but not remove any. It returns false if the number must stay as
// it is.
func replicasForMetrics(
	now time.Duration, metrics []autoscaling.MetricSpec, seen Observation,
) (replicas int32, ok bool) {
	missing := false
	for _, m := range metrics {
		n, found := replicasForMetric(now, m, seen)
		if !found {
			missing = true
			continue
		}
		if !ok || n > replicas {
			replicas, ok = n, true
		}
	}
	return replicas, ok && (!missing || replicas >= seen.Replicas)
}

// replicasForMetric is computeReplicasForMetric for the kinds of metrics and targets that the manifest has. It panics
// at any other.
func replicasForMetric(now time.Duration, m autoscaling.MetricSpec, seen Observation) (int32, bool) {
	switch {
	case m.Type == autoscaling.ExternalMetricSourceType && m.External.Target.AverageValue != nil:
		milli, ok := seen.External(m.External.Metric)
		return replicasForTotal(milli, m.External.Target.AverageValue.MilliValue(), seen.Existing), ok
	case m.Type == autoscaling.ContainerResourceMetricSourceType && m.ContainerResource.Name == "cpu" &&
		m.ContainerResource.Target.AverageUtilization != nil:
		return replicasForCPU(now, *m.ContainerResource.Target.AverageUtilization, seen)
	}
	panic("scaling: a kind of metric that is not simulated: " + string(m.Type))
}

// replicasForTotal is GetExternalPerPodMetricReplicas of replica_calculator.go: it returns the total divided by the
// target of a pod, rounded up, unless the present number is within the tolerance.
func replicasForTotal(milli, targetMilli int64, existing int32) int32 {
	if within(float64(milli) / (float64(targetMilli) * float64(existing))) {
		return existing
	}
	return int32(min(math.MaxInt32, math.Ceil(float64(milli)/float64(targetMilli))))
}

// within reports whether a ratio of usage to target is so close to 1 that the number of pods stays.
func within(ratio float64) bool { return 1-tolerance <= ratio && ratio <= 1+tolerance }

// Pod is a pod as the controller sees it. Pods that are being deleted are left out.
type Pod struct {
	Pending    bool // not started yet
	Started    time.Duration
	Ready      bool
	ReadySince time.Duration // when Ready became what it is
	Request    int64         // CPU request in thousandths of a core
	CPU        *Sample       // nil: not measured yet
}

// Sample is a measurement of the metrics server.
type Sample struct {
	At, Window time.Duration // the window ends at At
	Usage      int64         // in thousandths of a core
}

// replicasForCPU is GetResourceReplicas of replica_calculator.go. The first ratio leaves out pods that are not ready
// yet and pods without a measurement. The second one counts them so that they weaken the conclusion of the first:
//   - when it asks for more pods, both groups with no usage;
//   - when it asks for fewer, those without a measurement as busy.
func replicasForCPU(now time.Duration, target int32, seen Observation) (int32, bool) {
	usage, unready, missing := groupPods(now, seen.Pods)
	if usage.pods == 0 {
		return 0, false
	}
	ratio := usage.ratio(target)
	if missing.pods == 0 && (unready.pods == 0 || ratio <= 1) {
		if within(ratio) {
			return seen.Replicas, true
		}
		return int32(math.Ceil(ratio * float64(usage.pods))), true
	}
	first := ratio
	if missing.pods > 0 && first != 1 {
		if first < 1 { // assume that they are busy
			missing.used = missing.requested * int64(max(100, target)) / 100
		}
		usage.add(missing)
	}
	if unready.pods > 0 && first > 1 { // they use nothing yet and will take their share
		usage.add(unready)
	}
	ratio = usage.ratio(target)
	n := int32(math.Ceil(ratio * float64(usage.pods)))
	turned := (first < 1 && ratio > 1) || (first > 1 && ratio < 1)
	contradicts := (ratio < 1 && n > seen.Replicas) || (ratio > 1 && n < seen.Replicas)
	if within(ratio) || turned || contradicts {
		return seen.Replicas, true
	}
	return n, true
}

// usage is the CPU usage of a group of pods, in thousandths of a core.
type usage struct {
	pods            int32
	used, requested int64
}

func (u *usage) add(v usage) {
	u.pods += v.pods
	u.used += v.used
	u.requested += v.requested
}

// ratio returns the utilization, in whole per cent of the request as in GetResourceUtilizationRatio, divided by the
// target.
func (u *usage) ratio(target int32) float64 {
	return float64(int32(u.used*100/u.requested)) / float64(target) //nolint:gosec // a utilization in per cent
}

// groupPods is groupPods of replica_calculator.go: it divides the pods into those that count, those that are not
// ready, and those without a measurement.
func groupPods(now time.Duration, pods []Pod) (counted, unready, missing usage) {
	for _, p := range pods {
		group, used := &counted, int64(0)
		switch {
		case p.Pending:
			group = &unready
		case p.CPU == nil:
			group = &missing
		case p.unready(now):
			group = &unready
		default:
			used = p.CPU.Usage
		}
		group.add(usage{
			pods:      1,
			used:      used,
			requested: p.Request,
		})
	}
	return counted, unready, missing
}

// unready reports whether a pod's measurement includes a time in which it was not ready.
func (p Pod) unready(now time.Duration) bool {
	if p.Started+cpuInitialization > now {
		return !p.Ready || p.CPU.At < p.ReadySince+p.CPU.Window
	}
	return !p.Ready && p.Started+initialReadiness > p.ReadySince
}

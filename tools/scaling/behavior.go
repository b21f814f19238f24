package scaling

import (
	"math"
	"time"

	autoscaling "k8s.io/api/autoscaling/v2"
)

// stabilize is stabilizeRecommendationWithBehaviors: it adds pods only if all recommendations of the window for scaling
// up asked for more, and removes some only if all of the window for scaling down asked for fewer.
func (c *Controller) stabilize(now time.Duration, current, wanted int32) int32 {
	up := seconds(*c.spec.Behavior.ScaleUp.StabilizationWindowSeconds)
	down := seconds(*c.spec.Behavior.ScaleDown.StabilizationWindowSeconds)
	lowest := wanted
	highest := wanted
	for _, r := range since(c.recommendations, now-up) {
		lowest = min(lowest, r.replicas)
	}
	for _, r := range since(c.recommendations, now-down) {
		highest = max(highest, r.replicas)
	}
	c.recommendations = append(since(c.recommendations, now-max(up, down)), event{now, wanted})
	return min(max(current, lowest), highest)
}

// limit is convertDesiredReplicasWithBehaviorRate: it keeps the change within the policies, and the number of replicas
// between its minimum and its maximum.
func (c *Controller) limit(now time.Duration, current, wanted int32) int32 {
	switch {
	case wanted > current:
		most := max(current, c.bound(now, current, c.spec.Behavior.ScaleUp, 1))
		return min(wanted, most, c.spec.MaxReplicas)
	case wanted < current:
		fewest := min(current, c.bound(now, current, c.spec.Behavior.ScaleDown, -1))
		return max(wanted, fewest, *c.spec.MinReplicas)
	}
	return wanted
}

// bound returns how many replicas the policies allow. It is calculateScaleUpLimitWithScalingRules for direction 1 and
// calculateScaleDownLimitWithBehaviors for -1. A policy allows its change from the number of replicas at the
// beginning of its period. Of several policies, selectPolicy Max, the default, takes the one that allows the largest
// change.
func (c *Controller) bound(
	now time.Duration, current int32, rules *autoscaling.HPAScalingRules, direction int32,
) int32 {
	if *rules.SelectPolicy == autoscaling.DisabledPolicySelect {
		return current
	}
	var limit int32
	for i, p := range rules.Policies {
		cutoff := now - seconds(p.PeriodSeconds)
		start := current - sum(c.ups, cutoff) + sum(c.downs, cutoff)
		proposed := propose(p, start, direction)
		further := direction*proposed > direction*limit
		if i == 0 || further == (*rules.SelectPolicy != autoscaling.MinChangePolicySelect) {
			limit = proposed
		}
	}
	return limit
}

// propose returns the number of replicas that one policy allows.
func propose(p autoscaling.HPAScalingPolicy, start, direction int32) int32 {
	if p.Type == autoscaling.PodsScalingPolicy {
		return start + direction*p.Value
	}
	if direction > 0 { // rounded up, so that one pod can become two
		return int32(math.Ceil(float64(start) * (1 + float64(p.Value)/100)))
	}
	return int32(float64(start) * (1 - float64(p.Value)/100))
}

// since returns the recommendations after cutoff. They must be in order of time.
func since(recommendations []event, cutoff time.Duration) []event {
	for len(recommendations) > 0 && recommendations[0].at <= cutoff {
		recommendations = recommendations[1:]
	}
	return recommendations
}

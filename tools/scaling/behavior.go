package scaling

import (
	"math"
	"time"

	autoscaling "k8s.io/api/autoscaling/v2"
)

// stabilize is stabilizeRecommendationWithBehaviors: more pods only if all recommendations of the window for scaling up
// asked for more, fewer only if all of the window for scaling down asked for fewer.
func (c *Controller) stabilize(now time.Duration, current, wanted int32) int32 {
	up, down := seconds(*c.spec.Behavior.ScaleUp.StabilizationWindowSeconds), seconds(*c.spec.Behavior.ScaleDown.StabilizationWindowSeconds)
	lowest, highest := wanted, wanted
	for _, r := range since(c.recommendations, now-up) {
		lowest = min(lowest, r.replicas)
	}
	for _, r := range since(c.recommendations, now-down) {
		highest = max(highest, r.replicas)
	}
	c.recommendations = append(since(c.recommendations, now-max(up, down)), event{now, wanted})
	return min(max(current, lowest), highest)
}

// limit is convertDesiredReplicasWithBehaviorRate: it keeps the change within the policies and the number within its
// bounds.
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

// bound is calculateScaleUpLimitWithScalingRules for direction 1 and calculateScaleDownLimitWithBehaviors for -1: how many
// replicas the policies allow. A policy allows its change from what there was at the beginning of its period. Of several
// policies selectPolicy Max, the default, takes the one that allows the largest change.
func (c *Controller) bound(now time.Duration, current int32, rules *autoscaling.HPAScalingRules, direction int32) int32 {
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

func propose(p autoscaling.HPAScalingPolicy, start, direction int32) int32 {
	if p.Type == autoscaling.PodsScalingPolicy {
		return start + direction*p.Value
	}
	if direction > 0 { // rounded so that a single pod can become two
		return int32(math.Ceil(float64(start) * (1 + float64(p.Value)/100)))
	}
	return int32(float64(start) * (1 - float64(p.Value)/100))
}

// since returns the recommendations after a time, of those in order of time.
func since(recommendations []event, cutoff time.Duration) []event {
	for len(recommendations) > 0 && recommendations[0].at <= cutoff {
		recommendations = recommendations[1:]
	}
	return recommendations
}

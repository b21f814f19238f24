package scaling

import (
	"slices"
	"testing"
	"time"

	autoscaling "k8s.io/api/autoscaling/v2"
	"k8s.io/apimachinery/pkg/api/resource"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// controllerOf returns a controller with External metrics named a, b, …, one for each target.
func controllerOf(smallest, largest int32, up, down *autoscaling.HPAScalingRules, targets ...int64) *Controller {
	hpa := &autoscaling.HorizontalPodAutoscaler{}
	hpa.Spec.MinReplicas = &smallest
	hpa.Spec.MaxReplicas = largest
	hpa.Spec.Behavior = &autoscaling.HorizontalPodAutoscalerBehavior{ScaleUp: up, ScaleDown: down}
	for i, target := range targets {
		hpa.Spec.Metrics = append(hpa.Spec.Metrics, autoscaling.MetricSpec{
			Type: autoscaling.ExternalMetricSourceType,
			External: &autoscaling.ExternalMetricSource{
				Metric: autoscaling.MetricIdentifier{Name: string(rune('a' + i)), Selector: &meta.LabelSelector{}},
				Target: autoscaling.MetricTarget{
					Type:         autoscaling.AverageValueMetricType,
					AverageValue: resource.NewQuantity(target, resource.DecimalSI),
				},
			},
		})
	}
	return NewController(hpa)
}

// rules returns rules with a window in seconds.
func rules(
	window int32, selectPolicy autoscaling.ScalingPolicySelect, policies ...autoscaling.HPAScalingPolicy,
) *autoscaling.HPAScalingRules {
	return &autoscaling.HPAScalingRules{
		StabilizationWindowSeconds: &window,
		SelectPolicy:               &selectPolicy,
		Policies:                   policies,
	}
}

// atOnce returns rules that do not limit a change.
func atOnce() *autoscaling.HPAScalingRules { return rules(0, "Max", pods(1000, 15)) }

// missing stands for a metric without a value.
const missing = -1

// follow runs the controller once per sync period with the values of each round, and returns the number of pods after
// each.
func follow(c *Controller, replicas int32, rounds ...[]int64) []int32 {
	var all []int32
	for i, values := range rounds {
		replicas = c.Sync(time.Duration(i)*syncPeriod, Observation{
			Replicas: replicas,
			Existing: replicas,
			External: func(metric autoscaling.MetricIdentifier) (int64, bool) {
				v := values[metric.Name[0]-'a']
				return 1000 * v, v != missing
			},
		})
		all = append(all, replicas)
	}
	return all
}

func repeat(value int64, times int) [][]int64 { return slices.Repeat([][]int64{{value}}, times) }

// TestTotal: the target of a pod is 10, the tolerance one tenth.
func TestTotal(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		replicas int32
		total    int64
		want     int32
	}{
		{1, 20, 2}, {2, 5, 1}, // twice and half the target: the documentation's example
		{3, 33, 3}, {3, 34, 4}, {3, 27, 3}, {3, 20, 2}, // on the tolerance's edges
		{3, 0, 1}, {3, 100_000_000_000, 50}, // bounds
		{4, 26, 3}, {0, 100, 0}, {60, 10, 50}, // scaling switched off; more than there may be
	} {
		c := controllerOf(1, 50, atOnce(), atOnce(), 10)
		if got := follow(c, test.replicas, []int64{test.total}); got[0] != test.want {
			t.Errorf("a total of %d with %d pods: %d pods, want %d", test.total, test.replicas, got[0], test.want)
		}
	}
}

// TestSeveralMetrics: the largest number that a metric asks for; while one is missing, not less than the present
// number.
func TestSeveralMetrics(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		a, b int64
		want int32
	}{
		{80, 300, 8}, {50, 900, 9}, {10, 100, 1},
		{missing, 900, 9}, {missing, 100, 5}, {80, missing, 8}, {10, missing, 5}, {missing, missing, 5},
	} {
		c := controllerOf(1, 50, atOnce(), atOnce(), 10, 100)
		if got := follow(c, 5, []int64{test.a, test.b}); got[0] != test.want {
			t.Errorf("metrics of %d and %d: %d pods, want %d", test.a, test.b, got[0], test.want)
		}
	}
}

// TestPolicies has the examples of kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale.
func TestPolicies(t *testing.T) {
	t.Parallel()
	most := func(policies ...autoscaling.HPAScalingPolicy) *autoscaling.HPAScalingRules {
		return rules(0, "Max", policies...)
	}
	fourOrTenth := []autoscaling.HPAScalingPolicy{pods(4, 15), percent(10)}
	for name, test := range map[string]struct {
		up, down *autoscaling.HPAScalingRules
		replicas int32
		rounds   [][]int64
		want     []int32
	}{
		"4 pods or 10 %":       {atOnce(), most(fourOrTenth...), 80, repeat(100, 3), []int32{72, 64, 57}},
		"the same below 40":    {atOnce(), most(fourOrTenth...), 30, repeat(100, 5), []int32{26, 22, 18, 14, 10}},
		"10 %, at most 5 pods": {atOnce(), rules(0, "Min", percent(10), pods(5, 15)), 80, repeat(100, 3), []int32{75, 70, 65}},
		"the default going up": {most(pods(4, 15), percent(100)), atOnce(), 1, repeat(200, 4), []int32{5, 10, 20, 20}},
		"5 pods in 30 s":       {most(pods(5, 30)), atOnce(), 1, repeat(200, 5), []int32{6, 6, 11, 11, 16}},
		"a policy that rounds": {most(percent(1)), atOnce(), 3, repeat(200, 2), []int32{4, 5}},
		"disabled":             {atOnce(), rules(0, "Disabled", pods(4, 15)), 9, repeat(10, 2), []int32{9, 9}},
		"one pod in 30 s":      {atOnce(), most(pods(1, 30)), 5, repeat(10, 5), []int32{4, 4, 3, 3, 2}},
		"added may go at once": {most(pods(4, 60)), most(pods(1, 60)), 2, [][]int64{{60}, {10}, {10}}, []int32{6, 1, 1}},
	} {
		c := controllerOf(1, 100, test.up, test.down, 10)
		if got := follow(c, test.replicas, test.rounds...); !slices.Equal(got, test.want) {
			t.Errorf("%s: %d pods, want %d", name, got, test.want)
		}
	}
}

// TestWindows: a window of 30 s includes the round before, 15 s old, but not the one before that, which is exactly 30
// s old. A window of 31 s includes both.
func TestWindows(t *testing.T) {
	t.Parallel()
	rounds := [][]int64{{50}, {20}, {40}, {30}, {30}, {10}, {10}, {10}, {90}, {90}}
	for name, test := range map[string]struct {
		up, down int32
		want     []int32
	}{
		"none":     {0, 0, []int32{5, 2, 4, 3, 3, 1, 1, 1, 9, 9}},
		"down 30":  {0, 30, []int32{5, 5, 4, 4, 3, 3, 1, 1, 9, 9}},
		"down 31":  {0, 31, []int32{5, 5, 5, 4, 4, 3, 3, 1, 9, 9}},
		"up 20":    {20, 0, []int32{5, 2, 2, 3, 3, 1, 1, 1, 1, 9}},
		"both 300": {300, 300, []int32{5, 5, 5, 5, 5, 5, 5, 5, 5, 5}},
	} {
		c := controllerOf(1, 100, rules(test.up, "Max", pods(1000, 15)), rules(test.down, "Max", pods(1000, 15)), 10)
		if got := follow(c, 5, rounds...); !slices.Equal(got, test.want) {
			t.Errorf("%s: %d pods, want %d", name, got, test.want)
		}
	}
}

package scaling

import (
	autoscaling "k8s.io/api/autoscaling/v2"
	"k8s.io/apimachinery/pkg/api/resource"
)

// Variant is a change of the shipped HPA or of the model, for comparison.
type Variant struct {
	Name   string
	change change
}

// Apply returns a changed copy of both.
func (v Variant) Apply(
	hpa *autoscaling.HorizontalPodAutoscaler, model Model,
) (*autoscaling.HorizontalPodAutoscaler, Model) {
	hpa = hpa.DeepCopy()
	if v.change != nil {
		v.change(&hpa.Spec, &model)
	}
	return hpa, model
}

// Variants returns those of docs/scaling.md.
func Variants() []Variant {
	return []Variant{
		{"as shipped", nil},
		{"2 tiles per worker", tilesTarget(2)},
		{"4 tiles per worker", tilesTarget(4)},
		{"16 tiles per worker", tilesTarget(16)},
		{"32 tiles per worker", tilesTarget(32)},
		{"without CPU", withoutCPU},
		{"2 tiles per worker, without CPU", both(tilesTarget(2), withoutCPU)},
		{"32 tiles per worker, without CPU", both(tilesTarget(32), withoutCPU)},
		{"CPU at 55 %", cpuTarget(55)},
		{"CPU at 100 %", cpuTarget(100)},
		{"up: no window", up(0, pods(20, 15))},
		{"up: no window, Kubernetes' default policies", up(0, pods(4, 15), percent(100))},
		{"up: window, Kubernetes' default policies", up(20, pods(4, 15), percent(100))},
		{"down: window of 60 s", down(60, pods(1, 30))},
		{"down: window of 180 s", down(180, pods(1, 30))},
		{"down: one per 60 s", down(300, pods(1, 60))},
		{"down: Kubernetes' default, all at once", down(300, percent(100))},
	}
}

// CountVariants returns variants of what the metric counts, with and without a target for CPU.
func CountVariants() []Variant {
	waiting := func(_ *autoscaling.HorizontalPodAutoscalerSpec, model *Model) { model.WaitingOnly = true }
	return []Variant{
		{"waiting and running, 2 per worker, without CPU", both(tilesTarget(2), withoutCPU)},
		{"waiting only, 2 per worker, without CPU", both(tilesTarget(2), both(withoutCPU, waiting))},
		{"waiting and running, 8 per worker, without CPU", withoutCPU},
		{"waiting only, 8 per worker, without CPU", both(withoutCPU, waiting)},
		{"as shipped: waiting and running, 8 per worker, with CPU", nil},
	}
}

// change modifies an HPA or the model in place.
type change func(spec *autoscaling.HorizontalPodAutoscalerSpec, model *Model)

func both(first, second change) change {
	return func(spec *autoscaling.HorizontalPodAutoscalerSpec, model *Model) {
		first(spec, model)
		second(spec, model)
	}
}

func tilesTarget(n int64) change {
	return func(spec *autoscaling.HorizontalPodAutoscalerSpec, _ *Model) {
		for _, m := range spec.Metrics {
			if m.External != nil && m.External.Metric.Selector.MatchLabels["queue"] == queueNames[tiles] {
				m.External.Target.AverageValue = resource.NewQuantity(n, resource.DecimalSI)
			}
		}
	}
}

func withoutCPU(spec *autoscaling.HorizontalPodAutoscalerSpec, _ *Model) {
	var others []autoscaling.MetricSpec
	for _, m := range spec.Metrics {
		if m.ContainerResource == nil {
			others = append(others, m)
		}
	}
	spec.Metrics = others
}

func cpuTarget(percent int32) change {
	return func(spec *autoscaling.HorizontalPodAutoscalerSpec, _ *Model) {
		for _, m := range spec.Metrics {
			if m.ContainerResource != nil {
				m.ContainerResource.Target.AverageUtilization = &percent
			}
		}
	}
}

func up(window int32, policies ...autoscaling.HPAScalingPolicy) change {
	return func(spec *autoscaling.HorizontalPodAutoscalerSpec, _ *Model) {
		spec.Behavior.ScaleUp.StabilizationWindowSeconds = &window
		spec.Behavior.ScaleUp.Policies = policies
	}
}

func down(window int32, policies ...autoscaling.HPAScalingPolicy) change {
	return func(spec *autoscaling.HorizontalPodAutoscalerSpec, _ *Model) {
		spec.Behavior.ScaleDown.StabilizationWindowSeconds = &window
		spec.Behavior.ScaleDown.Policies = policies
	}
}

// pods is a policy that allows a change by n pods in a period of seconds.
func pods(n, period int32) autoscaling.HPAScalingPolicy {
	return autoscaling.HPAScalingPolicy{
		Type:          autoscaling.PodsScalingPolicy,
		Value:         n,
		PeriodSeconds: period,
	}
}

// percent is a policy that allows a change by n per cent in the period of Kubernetes' defaults.
func percent(n int32) autoscaling.HPAScalingPolicy {
	return autoscaling.HPAScalingPolicy{
		Type:          autoscaling.PercentScalingPolicy,
		Value:         n,
		PeriodSeconds: 15,
	}
}

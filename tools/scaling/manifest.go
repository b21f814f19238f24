// Package scaling simulates how the number of workers follows the depth of the queues. It runs the control loop of
// Kubernetes' HorizontalPodAutoscaler, configured by the shipped manifest, against a model of the queues, of the
// workers and of Postgres. docs/scaling.md explains how the numbers of the manifest were chosen with it.
package scaling

import (
	"fmt"
	"os"

	autoscaling "k8s.io/api/autoscaling/v2"
	"sigs.k8s.io/yaml"
)

// ReadHPA reads the manifest of a HorizontalPodAutoscaler and fills in the defaults of the Kubernetes API. It returns
// an error for unknown fields, and for a manifest without behavior or metrics.
func ReadHPA(path string) (*autoscaling.HorizontalPodAutoscaler, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the manifest: %w", err)
	}
	hpa := &autoscaling.HorizontalPodAutoscaler{}
	if err := yaml.UnmarshalStrict(text, hpa); err != nil {
		return nil, fmt.Errorf("parsing %s: %w", path, err)
	}
	if hpa.Kind != "HorizontalPodAutoscaler" || hpa.APIVersion != autoscaling.SchemeGroupVersion.String() {
		return nil, fmt.Errorf("%s is a %s of %s, not an HPA", path, hpa.Kind, hpa.APIVersion)
	}
	if hpa.Spec.Behavior == nil || len(hpa.Spec.Metrics) == 0 {
		return nil, fmt.Errorf("%s has no behavior or no metrics: the simulation has no defaults for them", path)
	}
	setDefaults(&hpa.Spec)
	return hpa, nil
}

// setDefaults is SetDefaults_HorizontalPodAutoscaler, kubernetes v1.36 pkg/apis/autoscaling/v2/defaults.go.
func setDefaults(spec *autoscaling.HorizontalPodAutoscalerSpec) {
	if spec.MinReplicas == nil {
		spec.MinReplicas = new(int32(1))
	}
	behavior := spec.Behavior
	behavior.ScaleUp = withDefaults(behavior.ScaleUp, 0, []autoscaling.HPAScalingPolicy{
		{
			Type:          autoscaling.PodsScalingPolicy,
			Value:         4,
			PeriodSeconds: 15,
		},
		{
			Type:          autoscaling.PercentScalingPolicy,
			Value:         100,
			PeriodSeconds: 15,
		},
	})
	// 300 s is the default of the controller's flag --horizontal-pod-autoscaler-downscale-stabilization.
	behavior.ScaleDown = withDefaults(behavior.ScaleDown, 300, []autoscaling.HPAScalingPolicy{
		{
			Type:          autoscaling.PercentScalingPolicy,
			Value:         100,
			PeriodSeconds: 15,
		},
	})
}

// withDefaults returns rules with a window in seconds and policies where they have none.
func withDefaults(
	r *autoscaling.HPAScalingRules, window int32, policies []autoscaling.HPAScalingPolicy,
) *autoscaling.HPAScalingRules {
	if r == nil {
		r = &autoscaling.HPAScalingRules{}
	}
	if r.StabilizationWindowSeconds == nil {
		r.StabilizationWindowSeconds = &window
	}
	if r.SelectPolicy == nil {
		r.SelectPolicy = new(autoscaling.MaxChangePolicySelect)
	}
	if r.Policies == nil {
		r.Policies = policies
	}
	return r
}

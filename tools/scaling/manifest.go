// Package scaling simulates how the number of workers follows the queue: the control loop of Kubernetes'
// HorizontalPodAutoscaler, driven by the manifest that is shipped, against a model of the queue and of the workers. The
// numbers of the manifest are chosen by it; docs/scaling.md tells how.
package scaling

import (
	"fmt"
	"os"

	autoscaling "k8s.io/api/autoscaling/v2"
	"sigs.k8s.io/yaml"
)

// ReadHPA reads the manifest of a HorizontalPodAutoscaler, strictly, and fills in what the API server would.
func ReadHPA(path string) (*autoscaling.HorizontalPodAutoscaler, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the manifest: %w", err)
	}
	hpa := &autoscaling.HorizontalPodAutoscaler{}
	if err := yaml.UnmarshalStrict(text, hpa); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if hpa.Kind != "HorizontalPodAutoscaler" || hpa.APIVersion != autoscaling.SchemeGroupVersion.String() {
		return nil, fmt.Errorf("%s: it is a %s of %s", path, hpa.Kind, hpa.APIVersion)
	}
	if hpa.Spec.Behavior == nil || len(hpa.Spec.Metrics) == 0 {
		return nil, fmt.Errorf("%s: behavior and metrics must be given, the simulation knows no default for them", path)
	}
	setDefaults(&hpa.Spec)
	return hpa, nil
}

// setDefaults does what SetDefaults_HorizontalPodAutoscaler does, kubernetes v1.36 pkg/apis/autoscaling/v2/defaults.go.
func setDefaults(spec *autoscaling.HorizontalPodAutoscalerSpec) {
	if spec.MinReplicas == nil {
		spec.MinReplicas = new(int32(1))
	}
	up, down := &spec.Behavior.ScaleUp, &spec.Behavior.ScaleDown
	*up = withDefaults(*up, 0, []autoscaling.HPAScalingPolicy{
		{Type: autoscaling.PodsScalingPolicy, Value: 4, PeriodSeconds: 15},
		{Type: autoscaling.PercentScalingPolicy, Value: 100, PeriodSeconds: 15},
	})
	// The window of the controller's flag --horizontal-pod-autoscaler-downscale-stabilization.
	*down = withDefaults(*down, 300, []autoscaling.HPAScalingPolicy{
		{Type: autoscaling.PercentScalingPolicy, Value: 100, PeriodSeconds: 15},
	})
}

func withDefaults(r *autoscaling.HPAScalingRules, window int32, policies []autoscaling.HPAScalingPolicy) *autoscaling.HPAScalingRules {
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

package scaling

import (
	"time"

	autoscaling "k8s.io/api/autoscaling/v2"
)

// The defaults of kube-controller-manager, kubernetes v1.36 pkg/controller/podautoscaler/config/v1alpha1/defaults.go.
const (
	syncPeriod        = 15 * time.Second
	tolerance         = 0.1
	cpuInitialization = 5 * time.Minute
	initialReadiness  = 30 * time.Second
)

// Controller decides on a number of replicas as the HPA controller does, kubernetes v1.36
// pkg/controller/podautoscaler/horizontal.go. Comments name the functions of that file. Times count from the start of
// the simulation.
type Controller struct {
	spec            autoscaling.HorizontalPodAutoscalerSpec
	recommendations []event // replicas that the metrics asked for, before limits
	ups, downs      []event // replicas added and removed
}

// event is a number of replicas that were recommended, added or removed at a time.
type event struct {
	at       time.Duration
	replicas int32
}

// NewController returns the controller of an HPA that ReadHPA read.
func NewController(hpa *autoscaling.HorizontalPodAutoscaler) *Controller {
	return &Controller{spec: hpa.Spec}
}

// Observation is what the controller sees at one time.
type Observation struct {
	Replicas int32 // spec.replicas of the Deployment
	Existing int32 // status.replicas of its scale: pods that exist and are not being deleted
	Pods     []Pod
	// External returns the value of a metric in thousandths, or false when it has none.
	External func(metric autoscaling.MetricIdentifier) (milli int64, ok bool)
}

// Sync is one round of the control loop, reconcileAutoscaler. It returns the number of replicas that the Deployment
// gets.
func (c *Controller) Sync(now time.Duration, seen Observation) int32 {
	current := seen.Replicas
	if c.recommendations == nil { // recordInitialRecommendation
		c.recommendations = []event{{now, current}}
	}
	var desired int32
	switch {
	case current == 0: // scaling is switched off
		return 0
	case current > c.spec.MaxReplicas:
		desired = c.spec.MaxReplicas
	case current < *c.spec.MinReplicas:
		desired = *c.spec.MinReplicas
	default:
		wanted, ok := replicasForMetrics(now, c.spec.Metrics, seen)
		if !ok {
			return current
		}
		desired = c.limit(now, current, c.stabilize(now, current, wanted))
	}
	c.record(now, current, desired)
	return desired
}

// record is storeScaleEvent: it notes how many replicas were added or removed.
func (c *Controller) record(now time.Duration, current, desired int32) {
	switch {
	case desired > current:
		c.ups = remember(c.ups, event{now, desired - current}, c.spec.Behavior.ScaleUp)
	case desired < current:
		c.downs = remember(c.downs, event{now, current - desired}, c.spec.Behavior.ScaleDown)
	}
}

// remember adds an event, in the place of one that is older than all periods of its direction if there is any. Which
// events are replaced matters where the other direction has longer periods, as bound reads both lists.
func remember(events []event, e event, rules *autoscaling.HPAScalingRules) []event {
	for i := len(events) - 1; i >= 0; i-- {
		if events[i].at < e.at-longestPeriod(rules) {
			events[i] = e
			return events
		}
	}
	return append(events, e)
}

func longestPeriod(rules *autoscaling.HPAScalingRules) time.Duration {
	var longest int32
	for _, p := range rules.Policies {
		longest = max(longest, p.PeriodSeconds)
	}
	return seconds(longest)
}

// sum returns the replicas of all events later than after.
func sum(events []event, after time.Duration) int32 {
	var n int32
	for _, e := range events {
		if e.at > after {
			n += e.replicas
		}
	}
	return n
}

func seconds(s int32) time.Duration { return time.Duration(s) * time.Second }

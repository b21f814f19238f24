package scaling

import (
	"fmt"
	"io"

	autoscaling "k8s.io/api/autoscaling/v2"
)

// WriteFigures writes docs/scaling-figures.md.
func WriteFigures(w io.Writer, hpa *autoscaling.HorizontalPodAutoscaler, model Model) error {
	for _, part := range []struct {
		text  string
		write func(io.Writer, *autoscaling.HorizontalPodAutoscaler, Model) error
	}{
		{`# Results of the simulation

Written by ` + "`make simulate`" + `, which reads [the shipped HPA](../kustomize/overlays/worker/hpa.yaml); do not edit.
[scaling.md](scaling.md) explains the results and the assumptions behind them.

## As shipped

`, WriteShipped},
		{`
## New nodes for most workers

The nodes have room for four workers; another node takes 90 s.

`, WriteNodes},
		{`
## Urgent multiplications in a backlog

1,000 of 10,000² in a minute, and for 15 minutes 2 a minute of the same size with priority 1.

`, WriteUrgent},
		{`
## Other numbers

`, WriteVariants},
		{`
## What the metric must count

20 tiles a minute of 60 s each, the largest on the built-in kernel, for four hours: the work of 20 cores.

`, WriteCounts},
		{`
## Missing metric

The steady requests; the depth is missing from minute 20 to minute 40.

`, WriteOutage},
	} {
		if _, err := fmt.Fprint(w, part.text); err != nil {
			return err
		}
		if err := part.write(w, hpa, model); err != nil {
			return err
		}
	}
	return nil
}

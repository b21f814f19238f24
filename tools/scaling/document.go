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
		{"# What the simulation gives\n\nWritten by `make simulate`, which reads `kustomize/overlays/worker/hpa.yaml`; do not edit. " +
			"[scaling.md](scaling.md) says\nwhat it means and what it takes for granted.\n\n## As shipped\n\n", WriteShipped},
		{"\n## A new node for most of the workers\n\nThere is room for four workers, and a node more takes 90 s.\n\n", WriteNodes},
		{"\n## Urgent products in a backlog\n\n1,000 of 10,000² in a minute, and for a quarter of an hour 2 a minute of the same size and of " +
			"priority 1.\n\n", WriteUrgent},
		{"\n## Other numbers\n\n", WriteVariants},
		{"\n## What the metric has to count\n\n20 tiles a minute of 60 s each, the largest on the built-in kernel, for four hours: " +
			"20 cores' worth.\n\n", WriteCounts},
		{"\n## The metric is missing\n\nThe steady requests, and from minute 20 to minute 40 nobody answers for the depth.\n\n", WriteOutage},
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

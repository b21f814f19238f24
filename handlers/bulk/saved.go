package bulk

import (
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"github.com/millrace/millrace/handlers/problem"
	"github.com/millrace/millrace/jobs"
)

// group is what is saved of the outcomes of some orders.
type group struct {
	Total     int                      `json:"total"` // orders of the request
	IDs       []uuid.UUID              `json:"ids"`   // of the multiplications; that of an order with a problem is zero
	Bytes     []int                    `json:"bytes"` // see jobs.Accepted
	Completed []int                    `json:"completed,omitempty"`
	Reused    []int                    `json:"reused,omitempty"`
	Problems  map[int]*problem.Problem `json:"problems,omitempty"`
}

// newGroup returns what is to be saved of outcomes.
func newGroup(total int, outcomes []outcome) group {
	g := group{
		Total:    total,
		IDs:      make([]uuid.UUID, len(outcomes)),
		Bytes:    make([]int, len(outcomes)),
		Problems: map[int]*problem.Problem{},
	}
	for i, o := range outcomes {
		switch {
		case o.problem != nil:
			g.Problems[i] = o.problem
			continue
		case o.State == jobs.Completed:
			g.Completed = append(g.Completed, i)
		}
		if o.Reused {
			g.Reused = append(g.Reused, i)
		}
		g.IDs[i] = o.ID
		g.Bytes[i] = o.Bytes
	}
	return g
}

func (g group) text() ([]byte, error) { return json.Marshal(g) }

// parseGroup reads what was saved.
func parseGroup(text []byte) (group, error) {
	var g group
	if err := json.Unmarshal(text, &g); err != nil {
		return g, fmt.Errorf("the outcomes that are saved of a batch: %w", err)
	}
	return g, nil
}

// outcomes returns the outcomes that were saved.
func (g group) outcomes() []outcome {
	all := make([]outcome, len(g.IDs))
	for i, id := range g.IDs {
		all[i] = outcome{
			Accepted: jobs.Accepted{
				ID:    id,
				State: jobs.Pending,
				Bytes: g.Bytes[i],
			},
			problem: g.Problems[i],
		}
	}
	for _, i := range g.Completed {
		all[i].State = jobs.Completed
	}
	for _, i := range g.Reused {
		all[i].Reused = true
	}
	return all
}

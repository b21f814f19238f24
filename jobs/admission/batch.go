package admission

import (
	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/jobs/queue"
)

// Batch is the admission of a request with many orders. Those for queue Small are admitted together, with the first of
// them. From then on, until the batch ends, as many as are expected count as queued for its tenant: accepting them
// takes a while, and all batches that come meanwhile would find room in the queue, each for the same.
type Batch struct {
	Tenant identity.TenantID

	gate     *Gate
	expected int
	counted  bool
}

// NewBatch returns a batch of about so many orders of a tenant.
func (g *Gate) NewBatch(t identity.TenantID, expected int) *Batch {
	return &Batch{
		Tenant:   t,
		gate:     g,
		expected: expected,
	}
}

// CheckSmall returns an OverloadError if orders for queue Small are refused.
func (b *Batch) CheckSmall() error {
	if b.counted {
		return nil
	}
	if err := b.gate.Check(b.Tenant, queue.Small); err != nil {
		return err
	}
	b.counted = true
	b.gate.expected.add(b.Tenant, b.expected)
	return nil
}

// End ends the batch: what was accepted of it is in the queue.
func (b *Batch) End() {
	if b.counted {
		b.counted = false
		b.gate.expected.add(b.Tenant, -b.expected)
	}
}

package accept

import (
	"sync"
	"time"

	"github.com/millrace/millrace/identity"
)

// partsTime is over how long it is counted which part of what is accepted each tenant has: this time, and the one
// before.
const partsTime = time.Second

// parts counts what was accepted of each tenant lately.
type parts struct {
	mu     sync.Mutex
	since  time.Time
	now    map[identity.TenantID]float64
	before map[identity.TenantID]float64
}

// add counts what was accepted.
func (p *parts) add(offers []*offer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.turn()
	for _, o := range offers {
		p.now[o.TenantID]++
	}
}

// turn begins to count anew when the time is over.
func (p *parts) turn() {
	switch passed := time.Since(p.since); {
	case passed < partsTime:
		return
	case passed < 2*partsTime:
		p.before = p.now
	default:
		p.before = nil
	}
	p.now = map[identity.TenantID]float64{}
	p.since = time.Now()
}

// greed is by how much a tenant's part may be larger than its weight says.
const greed = 1.1

// exceeds reports whether a tenant has got more than its weight says, while others have got something, too.
func (p *parts) exceeds(t identity.TenantID, weight func(identity.TenantID) float64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.turn()
	var total, weights float64
	for other, n := range p.now {
		total += n
		weights += weight(other)
	}
	for other, n := range p.before {
		total += n
		if p.now[other] == 0 {
			weights += weight(other)
		}
	}
	return (p.now[t]+p.before[t])/max(1, total) > greed*weight(t)/max(weights, weight(t))
}

// Exceeds reports whether a tenant has lately got more of what this process accepts than its weight says, while others
// have got something, too.
func (a *Acceptor) Exceeds(t identity.TenantID, weight func(identity.TenantID) float64) bool {
	return a.parts.exceeds(t, weight)
}

package accept

import "github.com/millrace/millrace/jobs/queue"

// Bundles cuts offers into bundles of their own, each of one priority and of bounded work.
func (a *Acceptor) Bundles(offers []queue.Offer) queue.Acceptance {
	all := make([]offer, len(offers))
	group := make([]*offer, len(offers))
	for i, o := range offers {
		all[i] = offer{Offer: o, weight: len(o.Operands)}
		group[i] = &all[i]
	}
	acceptance, _ := new(bundles).cut(group, a.turns.in(a.queue.Line()))
	return acceptance
}

// Note counts offers that another transaction than the Acceptor's own has accepted.
func (a *Acceptor) Note(offers []queue.Offer) {
	all := make([]*offer, len(offers))
	for i, o := range offers {
		all[i] = &offer{Offer: o}
	}
	a.parts.add(all)
	a.queue.Line().AddSmall(len(offers))
	a.accepted(len(offers))
}

package accept

import "github.com/millrace/millrace/jobs/queue"

// Bundles cuts offers into bundles of their own, each of one priority and of bounded work.
func Bundles(offers []queue.Offer) queue.Acceptance {
	all := make([]offer, len(offers))
	group := make([]*offer, len(offers))
	for i, o := range offers {
		all[i] = offer{Offer: o, weight: len(o.Operands)}
		group[i] = &all[i]
	}
	acceptance, _ := new(bundles).cut(group)
	return acceptance
}

package memory

import (
	"slices"
	"time"
)

// press ends transfers for those that wait: the slowest ones, or else the newest one of a client with more than its
// share. It does nothing if it has just been called.
func (p *Pool) press(now time.Time) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if now.Sub(p.pressed) < pressure/2 {
		return
	}
	p.pressed = now
	slow := p.slow(now)
	i := slices.IndexFunc(p.queue, func(w *waiter) bool { return !p.tooMuch(w) })
	if i < 0 {
		return
	}
	w := p.queue[i]
	lacks := w.bytes - (p.size - p.used)
	for _, l := range p.loans {
		if l.ending {
			lacks -= l.bytes
		}
	}
	for _, l := range slow {
		if lacks <= 0 {
			return
		}
		l.end(ErrSlow)
		lacks -= l.bytes
	}
	if lacks > 0 && now.Sub(w.since) >= sample {
		p.takeFromLargest(w)
	}
}

// slow returns the loans whose holders have moved too little for them, the slowest first, and looks at the others anew.
func (p *Pool) slow(now time.Time) []*loan {
	var slow []*loan
	paid := map[*loan]float64{} // the part of what was to be moved
	for _, l := range p.loans {
		waited, moved := l.holder.progress(now)
		age := now.Sub(l.mark.at)
		due := float64(l.bytes) * float64(waited-l.mark.waited) / float64(payTime)
		switch {
		case l.ending:
		case l.mark.at.IsZero(), age > 4*sample: // of a time when few waited
			l.mark = mark{now, waited, moved}
		case waited-l.mark.waited < sample:
		case float64(moved-l.mark.moved) < due:
			slow = append(slow, l)
			paid[l] = float64(moved-l.mark.moved) / due
		default:
			l.mark = mark{now, waited, moved}
		}
	}
	slices.SortStableFunc(slow, func(a, b *loan) int {
		if paid[a] < paid[b] {
			return -1
		}
		return 1
	})
	return slow
}

// takeFromLargest ends the newest transfer of another client that holds more than its share by several.
func (p *Pool) takeFromLargest(w *waiter) {
	held := map[string]int64{}
	for _, l := range p.loans {
		if !l.ending {
			held[l.holder.client] += l.bytes
		}
	}
	for _, l := range slices.Backward(p.loans) {
		client := l.holder.client
		if !l.ending && client != w.holder.client && held[client] > p.size/2 && held[client] > l.bytes {
			l.end(ErrBusy)
			return
		}
	}
}

// end makes the holder of a loan end its transfer.
func (l *loan) end(reason error) {
	l.ending = true
	l.holder.end(reason)
}

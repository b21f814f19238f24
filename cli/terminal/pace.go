package terminal

import "time"

// paceWindow is how many steps the rate is taken from.
const paceWindow = 8

// Pace estimates when something ends, by the rate of its last steps.
type Pace struct {
	begin time.Time
	steps []step // the last ones
}

// step is how much was done at a time.
type step struct {
	at   time.Time
	done int64
}

// NewPace returns the pace of something that has begun at a time; if that is zero, with its first step.
func NewPace(begin time.Time) *Pace { return &Pace{begin: begin} }

// Left returns how long the rest takes, after done of total were done at a time; false if that cannot be told yet.
func (p *Pace) Left(at time.Time, done, total int64) (time.Duration, bool) {
	if len(p.steps) == 0 && !p.begin.IsZero() {
		p.steps = append(p.steps, step{at: p.begin})
	}
	if n := len(p.steps); n == 0 || done > p.steps[n-1].done {
		p.steps = append(p.steps, step{at: at, done: done})
	}
	if len(p.steps) > paceWindow {
		p.steps = p.steps[1:]
	}
	first := p.steps[0]
	last := p.steps[len(p.steps)-1]
	if last.done <= first.done || !last.at.After(first.at) {
		return 0, false
	}
	each := last.at.Sub(first.at) / time.Duration(last.done-first.done)
	return max(0, each*time.Duration(total-done)-at.Sub(last.at)), true
}

package bench_test

import (
	"context"
	"slices"
	"strings"
	"time"
)

// sample is what one round of one row measures.
type sample struct {
	PerSecond float64            `json:"per_second,omitempty"`
	P50       float64            `json:"p50_ms,omitempty"`
	P99       float64            `json:"p99_ms,omitempty"`
	Micros    map[string]float64 `json:"cpu_us_each,omitempty"` // CPU time for one, by part
	Cores     map[string]float64 `json:"cores,omitempty"`       // used, by part
	Commits   float64            `json:"commits_each,omitempty"`
	WAL       float64            `json:"wal_bytes_each,omitempty"`
	Waits     map[string]float64 `json:"waits,omitempty"`  // share of what the sessions of Postgres were seen doing
	Names     map[string]float64 `json:"names,omitempty"`  // share of their statements, by name
	Values    map[string]float64 `json:"values,omitempty"` // what only this row has
	Note      string             `json:"note,omitempty"`   // instead of figures, or beside them

	Commit string                  `json:"commit"`           // what was measured
	Course map[string][][2]float64 `json:"course,omitempty"` // seconds, and how many by then
}

// meter measures what a round takes from the machine and from Postgres.
type meter struct {
	s       *subject
	began   time.Time
	times   times
	commits int64
	wal     int64
	ended   time.Time
	waits   map[string]float64
	names   map[string]float64
	halt    context.CancelFunc
	done    chan struct{}
}

// begin begins to measure.
func (s *subject) begin(ctx context.Context) *meter {
	m := &meter{
		s:     s,
		waits: map[string]float64{},
		names: map[string]float64{},
		done:  make(chan struct{}),
	}
	m.commits, m.wal = s.counters(ctx)
	ctx, m.halt = context.WithCancel(ctx)
	go m.look(ctx)
	m.times = s.cpuTimes()
	m.began = time.Now()
	return m
}

// counters returns how many transactions Postgres has committed, and how many bytes of WAL it has written.
func (s *subject) counters(ctx context.Context) (commits, wal int64) {
	if s.own == nil {
		return 0, 0
	}
	// 0 after an error: the figures are left out.
	_ = s.own.pool.QueryRow(ctx, `SELECT xact_commit, (pg_current_wal_insert_lsn() - '0/0')::bigint
		FROM pg_stat_database WHERE datname = current_database()`).Scan(&commits, &wal)
	return commits, wal
}

// lookInterval is the time between two looks at what Postgres does.
const lookInterval = 50 * time.Millisecond

// activitySQL selects what each session does that does something, and the name of its statement.
const activitySQL = `SELECT coalesce(array_agg(coalesce(wait_event_type || ' ' || wait_event, 'running')), '{}'),
	coalesce(array_agg(coalesce(substring(query FROM '-- name: (\w+)'), left(regexp_replace(query, '\s+', ' ', 'g'), 30))), '{}')
FROM pg_stat_activity WHERE state = 'active' AND backend_type = 'client backend' AND pid <> pg_backend_pid()`

// look looks at what the sessions of Postgres do, now and then.
func (m *meter) look(ctx context.Context) {
	defer close(m.done)
	if m.s.own == nil {
		return
	}
	for ctx.Err() == nil {
		var waits, names []string
		if err := m.s.own.pool.QueryRow(ctx, activitySQL).Scan(&waits, &names); err == nil {
			for i := range waits {
				m.waits[waits[i]]++
				m.names[names[i]]++
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(lookInterval):
		}
	}
}

// end ends the measurement of n multiplications and returns what they took.
func (m *meter) end(ctx context.Context, n int) sample {
	m.stop(ctx)
	return m.of(n)
}

// stop ends the measurement. The numbers of the meter are then what was taken meanwhile.
func (m *meter) stop(ctx context.Context) {
	m.ended = time.Now()
	m.times = m.s.cpuTimes().since(m.times)
	m.halt()
	<-m.done
	commits, wal := m.s.counters(ctx)
	m.commits = commits - m.commits
	m.wal = wal - m.wal
}

// of returns what n multiplications took if these were the ones that were measured.
func (m *meter) of(n int) sample {
	seconds := m.ended.Sub(m.began).Seconds()
	s := sample{
		PerSecond: float64(n) / seconds,
		Micros:    map[string]float64{},
		Cores:     map[string]float64{},
		Waits:     portions(m.waits),
		Names:     portions(m.names),
	}
	for part, t := range m.times {
		s.Cores[part] = t.Seconds() / seconds
		if n > 0 && part != partOthers && part != partStolen {
			s.Micros[part] = float64(t.Microseconds()) / float64(n)
		}
	}
	if n > 0 {
		s.Commits = float64(m.commits) / float64(n)
		s.WAL = float64(m.wal) / float64(n)
	}
	return s
}

// total is the CPU time of one in the service and in Postgres, in µs.
func (s sample) total() float64 {
	return s.Micros[partPostgres] + s.Micros["API"] + s.Micros["worker"]
}

// portions divides numbers by their sum.
func portions(numbers map[string]float64) map[string]float64 {
	var sum float64
	for _, n := range numbers {
		sum += n
	}
	all := map[string]float64{}
	for key, n := range numbers {
		all[key] = n / sum
	}
	return all
}

// median returns, of each figure, the median of all rounds. The rest is that of the last round.
func median(rounds []sample) sample {
	m := rounds[len(rounds)-1]
	of := func(get func(sample) float64) float64 {
		var all []float64
		for _, r := range rounds {
			all = append(all, get(r))
		}
		slices.Sort(all)
		return all[len(all)/2]
	}
	ofMap := func(get func(sample) map[string]float64) map[string]float64 {
		all := map[string]float64{}
		for _, r := range rounds {
			for key := range get(r) {
				all[key] = of(func(s sample) float64 { return get(s)[key] })
			}
		}
		return all
	}
	m.PerSecond = of(func(s sample) float64 { return s.PerSecond })
	m.P50 = of(func(s sample) float64 { return s.P50 })
	m.P99 = of(func(s sample) float64 { return s.P99 })
	m.Commits = of(func(s sample) float64 { return s.Commits })
	m.WAL = of(func(s sample) float64 { return s.WAL })
	m.Micros = ofMap(func(s sample) map[string]float64 { return s.Micros })
	m.Cores = ofMap(func(s sample) map[string]float64 { return s.Cores })
	m.Waits = ofMap(func(s sample) map[string]float64 { return s.Waits })
	m.Names = ofMap(func(s sample) map[string]float64 { return s.Names })
	m.Values = ofMap(func(s sample) map[string]float64 { return s.Values })
	notes := []string{}
	for _, r := range rounds {
		if r.Note != "" && !slices.Contains(notes, r.Note) {
			notes = append(notes, r.Note)
		}
	}
	m.Note = strings.Join(notes, "; ")
	return m
}

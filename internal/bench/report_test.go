package bench_test

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
)

// report has the samples of all rounds by row and service.
type report struct {
	Machine  machine                        `json:"machine"`
	Services []string                       `json:"services"`
	Rows     map[string]map[string][]sample `json:"rows"`
}

// readReport reads the report of an earlier run, whose rows are kept unless they are measured again.
func readReport(path string) (report, error) {
	r := report{Rows: map[string]map[string][]sample{}}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return r, err
	}
	err = json.Unmarshal(text, &r)
	if r.Rows == nil {
		r.Rows = map[string]map[string][]sample{}
	}
	return r, err
}

// on makes this machine that of the report. Rows from another machine are not kept.
func (r *report) on(m machine) {
	if r.Machine.CPU != m.CPU || r.Machine.Cores != m.Cores {
		r.Rows = map[string]map[string][]sample{}
		r.Services = nil
	}
	r.Machine = m
}

func (r report) write(path string) error {
	text, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}

// add adds the sample of a round. Only the last one keeps its course.
func (r report) add(row, service string, s sample) {
	s.Commit = r.Machine.Commit
	for i := range r.Rows[row][service] {
		r.Rows[row][service][i].Course = nil
	}
	if r.Rows[row] == nil {
		r.Rows[row] = map[string][]sample{}
	}
	r.Rows[row][service] = append(r.Rows[row][service], s)
}

// forget makes room for the rounds of a row that are about to begin.
func (r report) forget(row, service string) { delete(r.Rows[row], service) }

// markdown returns the tables.
func (r report) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Measured %s. Medians of the rounds.\n\n", r.Machine)
	b.WriteString("| measurement | goal | service | figures | CPU µs each: service | Postgres | generator |" +
		" the CPUs allow per second | commits each | WAL bytes each |\n" +
		"|---|---|---|---|---:|---:|---:|---:|---:|---:|\n")
	r.eachMedian(func(row row, service string, s sample) {
		fmt.Fprintf(&b, "| %s | %s | %s | %s ", row.title, row.goal, service, row.figures(s))
		for _, x := range []float64{
			s.serviceMicros(), s.Micros[partPostgres], s.Micros[partGenerator], r.possible(s), s.Commits, s.WAL,
		} {
			fmt.Fprintf(&b, "| %s ", figure(x))
		}
		b.WriteString("|\n")
	})
	b.WriteString("\nOther figures, and what limits each row:\n\n")
	r.eachMedian(func(row row, service string, s sample) {
		remarks := s.remarks()
		if s.Commit != r.Machine.Commit {
			remarks = append(remarks, "measured at commit "+s.Commit)
		}
		fmt.Fprintf(&b, "- **%s, %s**: %s\n", row.id, service, strings.Join(remarks, "; "))
	})
	if text := r.tileTable(); text != "" {
		b.WriteString("\n" + text)
	}
	return b.String()
}

// eachMedian calls f with the medians of each row and service, in the order of the table.
func (r report) eachMedian(f func(row row, service string, s sample)) {
	for _, row := range rows {
		for _, service := range r.Services {
			if rounds := r.Rows[row.id][service]; len(rounds) > 0 {
				f(row, service, median(rounds))
			}
		}
	}
}

// figure writes a number with three digits or more, and nothing for 0.
func figure(x float64) string {
	switch {
	case x == 0:
		return ""
	case x < 10:
		return fmt.Sprintf("%.2f", x)
	case x < 100:
		return fmt.Sprintf("%.1f", x)
	}
	digits := fmt.Sprintf("%.0f", x)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// serviceMicros returns the CPU time for one of all parts but Postgres and the generator.
func (s sample) serviceMicros() (sum float64) {
	for part, micros := range s.Micros {
		if part != partPostgres && part != partGenerator {
			sum += micros
		}
	}
	return sum
}

// possible returns how many per second the CPU time for one allows, if nothing else ran on the machine.
func (r report) possible(s sample) float64 {
	if sum := s.serviceMicros() + s.Micros[partPostgres] + s.Micros[partGenerator]; sum > 0 {
		return float64(r.Machine.Cores) * 1e6 / sum
	}
	return 0
}

// remarks returns what the table does not show: the figures that only this row has, the cores that each part used, what
// Postgres did, and the note.
func (s sample) remarks() []string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(s.Values)) {
		if !strings.Contains(name, "process") { // those of tiles have a table
			all = append(all, name+" "+figure(s.Values[name]))
		}
	}
	if s.Note != "" {
		all = append(all, s.Note)
	}
	if limit := s.limit(); limit != "" {
		all = append(all, limit)
	}
	if len(s.Cores) > 0 {
		all = append(all, "cores: "+shares(s.Cores, "%.2f", 1))
	}
	if len(s.Waits) > 0 {
		all = append(all, "sessions of Postgres: "+shares(s.Waits, "%.0f %%", 100))
	}
	if len(s.Names) > 0 {
		all = append(all, "their statements: "+shares(s.Names, "%.0f %%", 100))
	}
	return all
}

// figures returns what a row is about.
func (r row) figures(s sample) string {
	var all []string
	if s.PerSecond > 0 && !r.ratio {
		all = append(all, figure(s.PerSecond)+"/s")
	}
	if s.P50 > 0 {
		all = append(all, "p50 "+figure(s.P50)+" ms", "p99 "+figure(s.P99)+" ms")
	}
	for _, name := range r.values {
		if x, ok := s.Values[name]; ok {
			all = append(all, name+" "+figure(x))
		}
	}
	if len(all) == 0 {
		return s.Note
	}
	return strings.Join(all, ", ")
}

// limit returns what the figures say about what limits the rate: the CPUs, and which part takes most of them, or what
// the sessions of Postgres wait for.
func (s sample) limit() string {
	if len(s.Cores) == 0 {
		return ""
	}
	var busy, most float64
	var largest string
	for part, cores := range s.Cores {
		busy += cores
		if cores > most && part != partOthers && part != partStolen {
			most, largest = cores, part
		}
	}
	wait := ""
	for what, share := range s.Waits {
		if share >= 0.4 && what != running && what != clientRead && (wait == "" || share > s.Waits[wait]) {
			wait = what
		}
	}
	var limit string
	switch {
	case busy >= 0.85*float64(runtime.NumCPU()):
		limit = "limit: the CPUs, of which " + largest + " takes most"
	case wait != "":
		limit = "limit: Postgres waits for " + wait
	default:
		limit = "limit: no part is busy all the time; each waits for another"
	}
	if others := s.Cores[partOthers] + s.Cores[partStolen]; others >= 0.15*float64(runtime.NumCPU()) {
		limit += fmt.Sprintf(" (disturbed: other processes took %.2f cores)", others)
	}
	return limit
}

// What a session of Postgres does that waits for nothing, or for its client.
const (
	running    = "running"
	clientRead = "Client ClientRead"
)

// shares lists numbers, the largest first, without those that do not count.
func shares(numbers map[string]float64, format string, factor float64) string {
	var parts []string
	for _, name := range slices.SortedFunc(maps.Keys(numbers), func(a, b string) int {
		return cmp.Or(cmp.Compare(numbers[b], numbers[a]), cmp.Compare(a, b))
	}) {
		if numbers[name] >= 0.03 {
			parts = append(parts, name+" "+fmt.Sprintf(format, numbers[name]*factor))
		}
	}
	return strings.Join(parts, ", ")
}

// tileTable returns the table of tiles by slots.
func (r report) tileTable() string {
	var b strings.Builder
	for _, service := range r.Services {
		rounds := r.Rows["tiles"][service]
		if len(rounds) == 0 {
			continue
		}
		v := rounds[len(rounds)-1].Values
		fmt.Fprintf(&b, "| tiles that do nothing, %s: slots | one process, per second | CPU µs each: worker | Postgres |"+
			" processes of %d slots, per second | CPU µs each: worker | Postgres |\n", service, slotsEach)
		b.WriteString("|---:|---:|---:|---:|---:|---:|---:|\n")
		for _, slots := range whole.slots {
			one, several := fmt.Sprintf("one process, %d", slots), fmt.Sprintf("processes, %d", slots)
			if v[one] == 0 {
				continue
			}
			fmt.Fprintf(&b, "| %d ", slots)
			for _, of := range []string{one, several} {
				fmt.Fprintf(&b, "| %s | %s | %s ", figure(v[of]), figure(v[of+" worker µs"]), figure(v[of+" Postgres µs"]))
			}
			b.WriteString("|\n")
		}
	}
	return b.String()
}

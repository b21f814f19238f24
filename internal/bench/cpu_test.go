package bench_test

import (
	"os"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of CPU times in /proc.
const tick = 10 * time.Millisecond

// stat returns fields of /proc/…/stat after the name of the program: field 0 is the state. Nil without such a process,
// or such a file: the CPU times are then 0.
func stat(pid int) []string {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return nil
	}
	return strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
}

// ticks adds up the numbers of some fields.
func ticks(fields []string, from, to int) time.Duration {
	var sum time.Duration
	for i := from; i < to && i < len(fields); i++ {
		n, _ := strconv.ParseInt(fields[i], 10, 64) // 0 counts
		sum += time.Duration(n) * tick
	}
	return sum
}

// The fields of stat.
const (
	fieldParent   = 1
	fieldUser     = 11 // and the next, of the system
	fieldChildren = 13 // the same, of children that have ended
	fieldEnd      = 15
)

// processTime returns the CPU time of a process.
func processTime(pid int) time.Duration { return ticks(stat(pid), fieldUser, fieldChildren) }

// familyTime returns the CPU time of a process and of its children, also of those that have ended.
func familyTime(pid int) time.Duration {
	sum := ticks(stat(pid), fieldUser, fieldEnd)
	id := strconv.Itoa(pid)
	children, _ := os.ReadFile("/proc/" + id + "/task/" + id + "/children") // none
	for child := range strings.FieldsSeq(string(children)) {
		if n, err := strconv.Atoi(child); err == nil {
			sum += processTime(n)
		}
	}
	return sum
}

// machineTime returns the CPU time of all processes, and what the hypervisor gave to other machines.
func machineTime() (busy, stolen time.Duration) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, 0
	}
	line, _, _ := strings.Cut(string(text), "\n")
	fields := strings.Fields(line)[1:] // user, nice, system, idle, iowait, irq, softirq, steal
	return ticks(fields, 0, 3) + ticks(fields, 5, 7), ticks(fields, 7, 8)
}

// times are CPU times by part: those of a service, generator, others and stolen.
type times map[string]time.Duration

// The parts that each measurement has.
const (
	partGenerator = "generator"
	partPostgres  = "Postgres"
	partOthers    = "others"
	partStolen    = "stolen"
)

// cpuTimes returns the CPU times of the parts of a service until now.
func (s *subject) cpuTimes() times {
	busy, stolen := machineTime()
	all := times{
		partGenerator: processTime(os.Getpid()),
		partStolen:    stolen,
	}
	for part, pids := range s.Processes {
		for _, pid := range pids {
			all[part] += processTime(pid)
		}
	}
	if s.postmaster > 0 {
		all[partPostgres] = familyTime(s.postmaster)
	}
	all[partOthers] = busy
	for part, t := range all {
		if part != partOthers && part != partStolen {
			all[partOthers] -= t
		}
	}
	return all
}

// since returns the CPU times between two moments.
func (t times) since(before times) times {
	differences := times{}
	for part, d := range t {
		differences[part] = max(0, d-before[part])
	}
	return differences
}

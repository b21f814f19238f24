package bench_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/cpuid/v2"
)

// The flags of TestNumPy, after -args.
var (
	numpyFlag = flag.String("numpy", "", "compare large multiplications with NumPy, of this `Python`")
	sideFlag  = flag.Int("side", 10_000, "`n` of the n×n matrices that are compared with NumPy")
)

// numpyScript multiplies random matrices, and then files: two loads, `@`, and one that is saved. It prints an empty line
// before each, waits for one, and prints how long it took.
const numpyScript = `
import numpy as np, sys, time
n, folder = int(sys.argv[1]), sys.argv[2]
def begin():
    print(flush=True); sys.stdin.readline()
    return time.time()
a, b = np.random.rand(n, n), np.random.rand(n, n)
start = begin(); c = a @ b; print(time.time() - start)
np.save(folder + "/a.npy", a); np.save(folder + "/b.npy", b)
del a, b, c
start = begin()
a, b = np.load(folder + "/a.npy"), np.load(folder + "/b.npy")
np.save(folder + "/c.npy", a @ b); print(time.time() - start)
`

// numpyTimes are seconds.
type numpyTimes struct{ multiply, files float64 }

// runNumPy runs numpyScript, with the core type of OpenBLAS that is best for the CPU.
func runNumPy(t *testing.T, folder string, memory *usedMemory) numpyTimes {
	t.Helper()
	core := "HASWELL"
	if cpuid.CPU.Supports(cpuid.AVX512F, cpuid.AVX512DQ, cpuid.AVX512VL, cpuid.AVX512BW) {
		core = "SKYLAKEX"
	}
	cmd := exec.Command(*numpyFlag, "-c", numpyScript, strconv.Itoa(*sideFlag), folder)
	cmd.Env = append(os.Environ(), "OPENBLAS_CORETYPE="+core)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("NumPy: %v", err)
	}
	var times numpyTimes
	lines := bufio.NewScanner(out)
	for _, seconds := range []*float64{&times.multiply, &times.files} {
		lines.Scan()
		memory.level(t)
		if _, err := in.Write([]byte{'\n'}); err != nil {
			t.Fatalf("NumPy: %v", err)
		}
		lines.Scan()
		if *seconds, err = strconv.ParseFloat(lines.Text(), 64); err != nil {
			t.Fatalf("NumPy says %q: %v", lines.Text(), err)
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("NumPy: %v", err)
	}
	return times
}

// TestNumPy compares multiplications of one worker with NumPy: random operands from the submission to the completion,
// and stored ones, from files to a file, in both block stores. All take turns, and medians count. It prints tables as
// Markdown. With -rows only some of random-file, files-file, random-postgres and files-postgres are measured, with
// -other also those of another program.
func TestNumPy(t *testing.T) {
	if *numpyFlag == "" || *programFlag == "" {
		t.Skip("nothing to compare without -numpy and -program")
	}
	folder := t.TempDir()
	memory := newUsedMemory(t)
	rows := newMultiplicationRows(t)
	var baseline [2][]float64
	for range *roundsFlag {
		times := runNumPy(t, folder, memory)
		baseline[0] = append(baseline[0], times.multiply)
		baseline[1] = append(baseline[1], times.files)
		for _, row := range rows {
			one := row.subject.multiply(t, folder, row.stored, memory)
			t.Logf("%s: %+v; NumPy %+v", row.name, one, times)
			row.all = append(row.all, one)
		}
	}
	fmt.Printf("\nNumPy, n = %d: multiplying %.2f s, with files %.2f s (medians of %d)\n\n", *sideFlag, middle(baseline[0]),
		middle(baseline[1]), *roundsFlag)
	fmt.Print(multiplicationHeader)
	for _, row := range rows {
		fmt.Print(row.markdown(middle(baseline[0]), middle(baseline[1])))
	}
	fmt.Print("\n", phasesHeader)
	for _, row := range rows {
		fmt.Print(row.phases())
	}
}

// multiply multiplies on a worker that has just started: random matrices, or a.npy and b.npy of a folder.
func (s *subject) multiply(t *testing.T, folder string, stored bool, memory *usedMemory) multiplied {
	t.Helper()
	s.stopWorker()
	s.startWorker(t)
	before := s.own.workerMetrics(t)
	a, b := fmt.Sprintf("random:%dx%d:1", *sideFlag, *sideFlag), fmt.Sprintf("random:%dx%d:2", *sideFlag, *sideFlag)
	args := []string{"multiply", "--server=" + s.Base, "--json"}
	if stored {
		a, b = filepath.Join(folder, "a.npy"), filepath.Join(folder, "b.npy")
	}
	cmd := s.own.program(append(args, a, b, "--force", "--output="+filepath.Join(folder, "out.npy"))...)
	var text, problem bytes.Buffer
	cmd.Stdout, cmd.Stderr = &text, &problem
	memory.level(t)
	used := s.cpuTimes()
	start := time.Now()
	if err := cmd.Run(); err != nil {
		t.Fatalf("multiply: %v, %s", err, problem.Bytes())
	}
	p := multiplied{whole: time.Since(start).Seconds(), cpu: s.cpuTimes().since(used)}
	p.cpu["client"] = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	p.cpu[partOthers] -= p.cpu["client"]
	var m struct {
		Seconds struct{ Upload, Compute, Download float64 }
	}
	if err := json.Unmarshal(text.Bytes(), &m); err != nil || m.Seconds.Compute == 0 {
		t.Fatalf("multiply printed %q: %v", text.Bytes(), err)
	}
	p.multiply = m.Seconds.Compute
	p.upload = m.Seconds.Upload
	p.download = m.Seconds.Download
	after := s.own.workerMetrics(t)
	of := func(name string) float64 { return after[name] - before[name] }
	p.tiles = of("millrace_tile_duration_seconds_sum")
	p.kernel = of("millrace_gemm_seconds_total")
	p.checking = of("millrace_tile_check_seconds_total")
	p.wait = of("millrace_tile_read_wait_seconds_total")
	p.writes = p.tiles - p.kernel - p.checking - p.wait
	p.read = of("millrace_block_bytes_total read")
	p.peak = after["process_resident_memory_max_bytes"]
	return p
}

var opsPattern = regexp.MustCompile(`msg=ready ops=(\S+)`)

// workerMetrics returns the metrics of the worker, without labels: the sums of all series, and those of each operation
// of the block store. The peak of its memory is that of the kernel of Linux.
func (d *deployment) workerMetrics(t *testing.T) map[string]float64 {
	t.Helper()
	found := opsPattern.FindStringSubmatch(d.worker.log.String())
	if found == nil {
		t.Fatalf("the worker does not say where its metrics are: %s", d.worker.log)
	}
	response, err := http.Get(found[1] + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var body bytes.Buffer
	if _, err := body.ReadFrom(response.Body); err != nil {
		t.Fatal(err)
	}
	all := map[string]float64{}
	for line := range strings.Lines(body.String()) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), " ")
		if i := strings.LastIndex(line, "} "); i >= 0 {
			name = line[:i+1]
			value = strings.TrimSpace(line[i+2:])
			ok = true
		}
		number, err := strconv.ParseFloat(value, 64)
		if !ok || err != nil {
			continue
		}
		base, labels, _ := strings.Cut(name, "{")
		all[base] += number
		if strings.Contains(labels, `operation="read"`) {
			all[base+" read"] += number
		}
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", d.worker.cmd.Process.Pid))
	if err == nil {
		if m := regexp.MustCompile(`VmHWM:\s+(\d+)`).FindSubmatch(status); m != nil {
			kib, _ := strconv.ParseFloat(string(m[1]), 64)
			all["process_resident_memory_max_bytes"] = kib * 1024
		}
	}
	return all
}

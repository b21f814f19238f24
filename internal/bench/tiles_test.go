package bench_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/reexec"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/matrix/blas"
	"github.com/millrace/millrace/matrix/tile"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/blocks"
	"github.com/millrace/millrace/store/database"
	"github.com/millrace/millrace/store/installation"
)

// nothing is a kernel that does nothing. The results are right if the operands are zeros.
type nothing struct{ blas.Kernel }

// Dgemm implements blas.Kernel.
func (nothing) Dgemm(_, _, _ int, _ []float64, _ int, _ []float64, _ int, _ []float64, _ int, _ bool) {
}

// Sgemm implements blas.Kernel.
func (nothing) Sgemm(_, _, _ int, _ []float32, _ int, _ []float32, _ int, _ []float32, _ int, _ bool) {
}

// slotsVariable in the environment makes the test binary a worker with that many slots whose kernel does nothing.
const slotsVariable = "MILLRACE_BENCH_SLOTS"

// workMain runs such a worker, and exits, if slotsVariable is set.
func workMain() {
	slots, err := strconv.Atoi(os.Getenv(slotsVariable))
	if err != nil {
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if err := workNothing(ctx, slots); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// workNothing is a worker, as package server composes it, until ctx is done. It begins at a signal, so that several can
// begin together.
func workNothing(ctx context.Context, slots int) error {
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	pool, err := database.Open(ctx, database.Config{URL: os.Getenv("DATABASE_URL"), Conns: 10})
	if err != nil {
		return err
	}
	defer pool.Close()
	opened, err := blocks.Open(os.Getenv("MILLRACE_BLOCKS"), pool)
	if err != nil {
		return err
	}
	s := store.Open(pool, opened, 24*time.Hour)
	if err := installation.Identify(ctx, s); err != nil {
		return err
	}
	c, err := jobs.NewClient(s, tile.NewEngine(nothing{blas.Builtin()}), queue.Config{
		Work:     true,
		Tiles:    1,
		Small:    slots,
		SoftStop: 5 * time.Second,
	}, log)
	if err != nil {
		return err
	}
	begin := make(chan os.Signal, 1)
	signal.Notify(begin, syscall.SIGUSR1)
	fmt.Fprintln(os.Stderr, "ready")
	select {
	case <-begin:
	case <-ctx.Done():
		return nil
	}
	if err := c.Start(ctx); err != nil {
		return err
	}
	defer c.Stop()
	<-ctx.Done()
	return nil
}

// startNothing starts such a worker.
func (d *deployment) startNothing(t *testing.T, slots int) *process {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: exec.Command(exe), log: &reexec.Log{}}
	p.cmd.Env = append(os.Environ(), d.env...)
	p.cmd.Env = append(p.cmd.Env, slotsVariable+"="+strconv.Itoa(slots))
	p.cmd.Stderr = p.log
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.stop)
	until(t, "a worker is ready", func() bool { return strings.Contains(p.log.String(), "ready") })
	return p
}

// slotsEach is how many slots each of several processes has.
const slotsEach = 4

// tiles measures how many tiles per second complete if they do nothing, by the number of slots: in one process, and in
// processes of slotsEach. Each is the whole of a multiplication of stored matrices, with rows and a job of its own.
func tiles(t *testing.T, s *subject, size sizes) (sample, error) {
	s.stopWorker()
	defer s.startWorker(t)
	requests, err := s.storedSubmissions()
	if err != nil {
		return sample{}, err
	}
	result := sample{Values: map[string]float64{}}
	for _, processes := range []bool{false, true} {
		for _, slots := range size.slots {
			if processes && slots < 2*slotsEach {
				continue
			}
			one, err := s.tileRate(t, requests, size.tiles, slots, processes)
			if err != nil {
				return result, err
			}
			key := fmt.Sprintf("one process, %d", slots)
			if processes {
				key = fmt.Sprintf("processes, %d", slots)
			}
			result.Values[key] = one.PerSecond
			result.Values[key+" Postgres µs"] = one.Micros[partPostgres]
			result.Values[key+" worker µs"] = one.Micros["worker"]
			if one.PerSecond > result.PerSecond {
				one.Values = result.Values
				one.Note = "the figures are those of " + key + " slots"
				result = one
			}
		}
	}
	return result, nil
}

// storedSubmissions uploads two matrices of zeros and returns the request that multiplies them.
func (s *subject) storedSubmissions() ([][]byte, error) {
	c, err := dial(s.Base)
	if err != nil {
		return nil, err
	}
	defer c.close()
	var ids [2]string
	for i := range ids {
		status, body, err := c.do(request(s.Base, "POST", "/v1/matrices", "", []byte("[[0,0],[0,0]]")))
		if ids[i] = string(member(body, "id")); err == nil && (status != 201 || ids[i] == "") {
			err = fmt.Errorf("uploading a matrix: status %d, %.200q", status, body)
		}
		if err != nil {
			return nil, err
		}
	}
	body := fmt.Sprintf(`{"a":{"matrix_id":%q},"b":{"matrix_id":%q}}`, ids[0], ids[1])
	return [][]byte{request(s.Base, "POST", s.Submit, "", []byte(body))}, nil
}

// tileRate queues tiles, and measures how fast they complete.
func (s *subject) tileRate(t *testing.T, requests [][]byte, count, slots int, processes bool) (sample, error) {
	ctx := t.Context()
	r := drive(plan{
		base:     s.Base,
		clients:  32,
		requests: requests,
		status:   accepted,
		id:       s.ID,
		count:    count,
		within:   forever,
	})
	if err := r.problem(); err != nil {
		return sample{}, err
	}
	number, each := 1, slots
	if processes {
		number, each = slots/slotsEach, slotsEach
	}
	before := s.own.finished(t)
	var started []*process
	for range number {
		p := s.own.startNothing(t, each)
		started = append(started, p)
		s.Processes["worker"] = append(s.Processes["worker"], p.cmd.Process.Pid)
	}
	m := s.begin(ctx)
	for _, p := range started {
		if err := p.cmd.Process.Signal(syscall.SIGUSR1); err != nil {
			return sample{}, err
		}
	}
	err := s.drain(ctx, r.submitted)
	done := s.own.finished(t)
	result := m.end(ctx, int(done-before))
	for _, p := range started {
		p.stop()
	}
	delete(s.Processes, "worker")
	if done-before != int64(count) {
		err = errors.Join(err, fmt.Errorf("%d of %d tiles are completed", done-before, count))
	}
	return result, err
}

package bench_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/store/inline"
)

// queued measures how fast multiplications are submitted, shown and computed while very many wait, and while none does.
// The worker is stopped while they are submitted.
func queued(t *testing.T, s *subject, size sizes) (sample, error) {
	if !s.own.inline {
		return sample{Note: "skipped: this version has no table of small multiplications, which the row fills"}, nil
	}
	if _, _, err := s.rates(t, size, nil); err != nil { // connections are opened, and statements planned
		return sample{}, err
	}
	empty, _, err := s.rates(t, size, nil)
	if err != nil {
		return sample{}, err
	}
	s.stopWorker()
	// As on a system that was idle for a while: plans are then made for a table that is empty.
	if _, err := s.own.pool.Exec(t.Context(), "VACUUM (ANALYZE) inline_pending, river_job"); err != nil {
		return sample{}, err
	}
	began := time.Now()
	ids, err := s.own.fill(t.Context(), size.backlog)
	if err != nil {
		return sample{}, err
	}
	filled := time.Since(began)
	// As autovacuum does within a minute, at a time when nothing is measured.
	if _, err := s.own.pool.Exec(t.Context(), "VACUUM inline_pending"); err != nil {
		return sample{}, err
	}
	full, result, err := s.rates(t, size, ids)
	if err == nil {
		err = s.empty(t)
	}
	if err != nil {
		return sample{}, err
	}
	result.Values = map[string]float64{}
	for name, rate := range empty {
		result.Values[name+" against empty"] = full[name] / rate
		result.Values[name] = full[name]
		result.Values[name+" empty"] = rate
	}
	result.Note = fmt.Sprintf("filled by SQL in %.0f s", filled.Seconds())
	return result, nil
}

// empty drops what is queued, so that the next measurement finds an empty queue.
func (s *subject) empty(t *testing.T) error {
	s.stopWorker()
	defer s.startWorker(t)
	for _, sql := range []string{
		"TRUNCATE inline_pending",
		"DELETE FROM river_job WHERE kind = '" + queue.InlineKind + "' AND finalized_at IS NULL",
		"VACUUM (ANALYZE) river_job",
	} {
		if _, err := s.own.pool.Exec(t.Context(), sql); err != nil {
			return err
		}
	}
	return nil
}

// rates returns how many are submitted, shown and computed per second, and the CPU time of one of each. The sample is
// that of the computations. The ids are those of multiplications that wait; nil: those that are submitted.
func (s *subject) rates(t *testing.T, size sizes, ids []uuid.UUID) (map[string]float64, sample, error) {
	ctx := t.Context()
	rates := map[string]float64{}
	note := func(what string, n int, m *meter, seconds float64) {
		rates[what+" per second"] = float64(n) / seconds
		rates[what+" per CPU second"] = 1e6 / max(1, m.end(ctx, n).total())
	}
	s.stopWorker()
	if size.sync {
		syscall.Sync() // what was written before is not written back meanwhile
	}
	m := s.begin(ctx)
	r := drive(plan{
		base:     s.Base,
		clients:  32,
		requests: s.submissions(orders2, ""),
		status:   accepted,
		id:       s.ID,
		count:    size.most,
		within:   size.window,
	})
	note("submitted", len(r.submitted), m, r.seconds)
	if err := r.problem(); err != nil {
		return nil, sample{}, err
	}
	var show [][]byte
	for i := range 1000 {
		id := r.submitted[(i*7919)%len(r.submitted)].id
		if ids != nil {
			id = ids[rand.IntN(len(ids))].String()
		}
		show = append(show, s.showing(id))
	}
	m = s.begin(ctx)
	g := drive(plan{
		base:     s.Base,
		clients:  32,
		requests: show,
		status:   200,
		id:       s.ID,
		count:    size.most,
		within:   size.window / 2,
	})
	note("shown", len(g.submitted), m, g.seconds)
	if err := g.problem(); err != nil {
		return nil, sample{}, err
	}
	if err := s.drained(t, r, ids == nil); err != nil {
		return nil, sample{}, err
	}
	result, err := s.computed(t, size, ids, rates)
	return rates, result, err
}

// computed notes how many are computed per second while those of ids wait, or while few wait: then they are queued again
// and again, until as much time is measured. They are counted afterwards, as counting takes Postgres some time.
func (s *subject) computed(t *testing.T, size sizes, ids []uuid.UUID, rates map[string]float64) (result sample, err error) {
	ctx := t.Context()
	var seconds, micros, count float64
	waiting := ids
	for part := 0; part < emptyPart && seconds < size.window.Seconds(); part++ {
		if ids == nil {
			if waiting, err = s.own.fill(ctx, max(bundle, size.backlog/emptyPart)); err != nil {
				return sample{}, err
			}
		}
		s.startWorker(t)
		until(t, "the first is computed", func() bool { return !s.own.waits(t, waiting[0]) })
		m := s.begin(ctx)
		for left := size.window - time.Duration(seconds*1e9); time.Since(m.began) < left; time.Sleep(20 * time.Millisecond) {
			if found, err := s.own.unfinished(ctx); err != nil || !found {
				break
			}
		}
		m.stop(ctx)
		n := s.own.finishedWithin(t, m.began, m.ended)
		s.stopWorker()
		result = m.of(n)
		seconds += m.ended.Sub(m.began).Seconds()
		micros += result.total() * float64(n)
		count += float64(n)
		if ids != nil {
			break
		}
	}
	rates["computed per second"] = count / seconds
	rates["computed per CPU second"] = 1e6 * count / max(1, micros)
	return result, nil
}

// emptyPart of the backlog is queued where the queue counts as empty: something must be computed.
const emptyPart = 10

// drained returns when all is computed that was submitted, if that is wanted. The worker is stopped before and after.
// Bundles of submissions are smaller than those of a backlog, and their rates must not be compared.
func (s *subject) drained(t *testing.T, r run, wanted bool) error {
	t.Helper()
	if !wanted {
		return nil
	}
	s.startWorker(t)
	defer s.stopWorker()
	return s.finish(t.Context(), r, orders2)
}

// bundle is how many multiplications one job computes.
const bundle = 256

// fill queues multiplications of 1×1, as the API does.
func (d *deployment) fill(ctx context.Context, count int) ([]uuid.UUID, error) {
	ids := make([]uuid.UUID, count)
	began := time.Now().UnixMilli()
	for i := range ids {
		ids[i] = inline.NewID()
		// The time of the ids goes on by a millisecond for each bundle, so that the ranges of bundles are apart.
		ms := uint64(began) - uint64((count-i)/bundle)
		binary.BigEndian.PutUint64(ids[i][:8], ms<<16|0x7000|uint64(i%bundle+1))
	}
	operands := binary.LittleEndian.AppendUint64(nil, math.Float64bits(3))
	operands = binary.LittleEndian.AppendUint64(operands, math.Float64bits(4))
	sum := int32(inline.Checksum(operands))
	const chunk = 100 * bundle
	for from := 0; from < count; from += chunk {
		if err := d.fillChunk(ctx, ids[from:min(count, from+chunk)], sum, operands); err != nil {
			return nil, err
		}
	}
	return ids, nil
}

// bundleSQL enqueues the job of a bundle.
const bundleSQL = `INSERT INTO river_job
	(kind, args, max_attempts, metadata, priority, queue, scheduled_at, state, tags)
VALUES ($1, jsonb_build_object('first', $2::uuid, 'last', $3::uuid, 'multiplications', $4::int),
	10, '{}', 2, $5, now(), 'available', '{}')
RETURNING id`

// fillChunk queues some bundles in one transaction.
func (d *deployment) fillChunk(ctx context.Context, ids []uuid.UUID, sum int32, operands []byte) error {
	return pgx.BeginFunc(ctx, d.pool, func(tx pgx.Tx) error {
		var job int64
		all := make([][]any, 0, len(ids))
		for next := 0; next < len(ids); next += bundle {
			part := ids[next:min(len(ids), next+bundle)]
			last := part[len(part)-1]
			err := tx.QueryRow(ctx, bundleSQL, queue.InlineKind, part[0], last, len(part), queue.Small).Scan(&job)
			if err != nil {
				return err
			}
			for _, id := range part {
				all = append(all, []any{id, job, int16(2), int16(1), int16(1), int16(1), false, false, sum, operands})
			}
		}
		columns := []string{"id", "job", "priority", "m", "k", "n", "a_float32", "b_float32", "checksum", "operands"}
		_, err := tx.CopyFrom(ctx, pgx.Identifier{"inline_pending"}, columns, pgx.CopyFromRows(all))
		return err
	})
}

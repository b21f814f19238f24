package bench_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// disk measures what the tables and indexes grow by for a multiplication: by the first ones, and by as many again after
// autovacuum has made the space of deleted rows available.
func disk(t *testing.T, s *subject, size sizes) (sample, error) {
	d := s.own
	before := d.finished(t)
	first, err := s.grow(t, size)
	if err != nil {
		return first, err
	}
	total := d.number(t, sizeSQL)
	count := d.finished(t)
	settled, err := d.vacuumed(t, size)
	if err != nil {
		return first, err
	}
	second, err := s.grow(t, size)
	largest, tablesErr := d.largest(t)
	if err == nil {
		err = tablesErr
	}
	result := sample{
		Values: map[string]float64{
			"bytes each, all tables":       float64(total-d.empty) / float64(count),
			"bytes each before autovacuum": first.Values["bytes each"],
			"bytes each after autovacuum":  second.Values["bytes each"],
		},
		Note: "after " + fmt.Sprint(before) + " others; largest: " + largest,
	}
	if !settled {
		result.Note += "; autovacuum had not come to rest"
	}
	return result, err
}

// grow completes multiplications, and returns what they add to the tables and indexes.
func (s *subject) grow(t *testing.T, size sizes) (sample, error) {
	before := s.own.number(t, sizeSQL)
	result, _, err := s.toEnd(t.Context(), plan{count: size.chunk, within: forever}, orders2)
	result.Values = map[string]float64{"bytes each": float64(s.own.number(t, sizeSQL)-before) / float64(size.chunk)}
	return result, err
}

// settleTimeout bounds the wait for autovacuum.
const settleTimeout = time.Minute

// vacuumed makes autovacuum look every second, and reports whether it came to rest: it has nothing to do for a while.
func (d *deployment) vacuumed(t *testing.T, size sizes) (bool, error) {
	ctx := t.Context()
	set := func(change string) error {
		if _, err := d.pool.Exec(ctx, "ALTER SYSTEM "+change); err != nil {
			return err
		}
		_, err := d.pool.Exec(ctx, "SELECT pg_reload_conf()")
		return err
	}
	if err := set("SET autovacuum_naptime = '1s'"); err != nil {
		return false, err
	}
	var seen int64
	quiet := time.Now()
	deadline := quiet.Add(settleTimeout)
	for time.Since(quiet) < size.quiet && time.Now().Before(deadline) {
		now := d.number(t, `SELECT coalesce(sum(autovacuum_count + autoanalyze_count), 0)::bigint
			+ (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'autovacuum worker' AND query LIKE 'autovacuum%')
			FROM pg_stat_user_tables`)
		if now != seen {
			seen = now
			quiet = time.Now()
		}
		time.Sleep(200 * time.Millisecond) // autovacuum sends no signal when it has nothing to do
	}
	return time.Now().Before(deadline), set("RESET autovacuum_naptime")
}

// largest describes the tables that take most, with their indexes.
func (d *deployment) largest(t *testing.T) (string, error) {
	rows, err := d.pool.Query(t.Context(), `SELECT format('%s %s + %s', c.relname, pg_size_pretty(pg_table_size(c.oid)),
		pg_size_pretty(pg_indexes_size(c.oid))) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind = 'r' AND n.nspname = 'public' ORDER BY pg_total_relation_size(c.oid) DESC LIMIT 3`)
	if err != nil {
		return "", err
	}
	texts, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return strings.Join(slices.Clip(texts), ", "), err
}

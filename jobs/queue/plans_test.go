package queue

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/millrace/millrace/internal/testdb"
	"github.com/millrace/millrace/jobs/queue/internal/db"
)

// fill writes many inline multiplications of each state, and jobs.
const fill = `WITH jobs AS (
		INSERT INTO river_job (kind, args, max_attempts, priority, queue, state, finalized_at)
		SELECT 'multiply_inline', '{"first": "01a21900-0000-7000-8000-000000000000", "last": "01a21900-0000-7000-8000-000000000000"}',
			1, 1, 'small', (CASE i % 100 WHEN 0 THEN 'cancelled' WHEN 1 THEN 'available' ELSE 'completed' END)::river_job_state,
			CASE WHEN i % 100 <> 1 THEN now() END
		FROM generate_series(1, $1::int) AS i RETURNING id
	), waiting AS (
		INSERT INTO inline_pending
		SELECT gen_random_uuid(), i, 1, 1, 1, 1, false, false, 0, '\x00' FROM generate_series(1, $1::int) AS i
	)
	INSERT INTO inline_completed
	SELECT gen_random_uuid(), 0, now(), now(), 1, 1, 1, 1, false, false, 0, 0, '\x00', '\x00' FROM generate_series(1, $1::int)`

// named matches the names of the statements of a file.
var named = regexp.MustCompile(`(?m)^-- name: (\w+)`)

// TestPlansOfInline: no statement about inline multiplications reads all of them, or all jobs, unless it says so: neither
// with statistics of empty tables, with which a process may have planned it, nor with those of full ones.
func TestPlansOfInline(t *testing.T) {
	b := setup(t)
	statements := map[string]string{
		"InsertBundles":       db.InsertBundles,
		"KnowInline":          db.KnowInline,
		"ListBundle":          db.ListBundle,
		"CompleteBundle":      db.CompleteBundle,
		"ExpandInline":        db.ExpandInline,
		"ListInlineProgress":  db.ListInlineProgress,
		"ListStoppedInline":   db.ListStoppedInline,
		"ListUnsettledInline": db.ListUnsettledInline,
		"CountInline":         db.CountInline,
	}
	text, err := os.ReadFile("query/inline.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range named.FindAllStringSubmatch(string(text), -1) {
		if statements[name[1]] == "" {
			t.Errorf("%s is not in the table of this test", name[1])
		}
	}
	// Once in ten minutes, up to max_rows, and an index of the jobs until their statistics are of the present.
	readAll := []string{"ListUnsettledInline", "CountInline", "InsertBundles"}
	b.exec("ANALYZE")
	for _, rows := range []int{0, 20_000} {
		if rows > 0 {
			b.exec(fill, rows)
		}
		for name, sql := range statements {
			whole := testdb.WholeTables(t, b.store.Pool, sql, "inline_pending", "inline_completed", "river_job")
			if len(whole) > 0 && !slices.Contains(readAll, name) {
				t.Errorf("with %d rows, %s reads all of %v, want of none", rows, name, whole)
			}
		}
	}
	b.exec("ANALYZE")
	for name, sql := range statements {
		whole := testdb.WholeTables(t, b.store.Pool, sql, "inline_pending", "inline_completed", "river_job")
		if len(whole) > 0 && !slices.Contains(readAll, name) {
			t.Errorf("with statistics of many, %s reads all of %v, want of none", name, whole)
		}
	}
}

// TestOpenBundlesAreFoundByID: bundles to which multiplications are added are looked up by their ids. With statistics of
// a time when no job waited, looking for all that wait seems to cost no more.
func TestOpenBundlesAreFoundByID(t *testing.T) {
	b := setup(t)
	b.exec(`INSERT INTO river_job (kind, args, max_attempts, queue, state, finalized_at)
		SELECT 'multiply_inline', '{}', 1, 'small', 'completed', now() FROM generate_series(1, 5000)`)
	b.exec("ANALYZE")
	b.exec(fill, 20_000)
	found := testdb.Conditions(t, b.store.Pool, db.InsertBundles, "river_job")
	if len(found) != 1 || !strings.HasPrefix(found[0], "(id = ") {
		t.Errorf("jobs are looked up by %q, want by id", found)
	}
}

// TestExpansionReadsItsRows: what an expansion reads does not depend on the others.
func TestExpansionReadsItsRows(t *testing.T) {
	b := setup(t)
	b.exec("ANALYZE")
	b.exec(fill, 20_000)
	const few = 300
	for i, table := range []string{"inline_pending", "inline_pending", "inline_completed"} {
		read := query[plan](b, "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT expand_inline(ARRAY(SELECT id FROM "+table+
			" LIMIT 1), interval '1 day', 1)")[0].Plan
		if n := read.Hit + read.Read; i > 0 && n > few { // the first one also reads the schema
			t.Errorf("expanding one of %s reads %d pages, want at most %d", table, n, few)
		}
	}
}

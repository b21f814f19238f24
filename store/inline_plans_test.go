package store_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/internal/testdb"
	"github.com/millrace/millrace/store/inline"
	"github.com/millrace/millrace/store/internal/db"
)

// TestPlansOfInline: no statement about inline multiplications reads all of them: neither with statistics of empty
// tables, with which a process may have planned it, nor with those of full ones.
func TestPlansOfInline(t *testing.T) {
	t.Parallel()
	pool := testdb.New(t)
	statements := map[string]string{
		"ListInline":          db.ListInline,
		"ListInlineContents":  db.ListInlineContents,
		"LockInline":          db.LockInline,
		"LockOwnInline":       db.LockOwnInline,
		"PageInlinePending":   db.PageInlinePending,
		"PageInlineCompleted": db.PageInlineCompleted,
		"DeleteExpiredInline": db.DeleteExpiredInline,
		"SaveDigests":         db.SaveDigests,
	}
	text, err := os.ReadFile("query/inline.sql")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, name := range regexp.MustCompile(`(?m)^-- name: (\w+)`).FindAllStringSubmatch(string(text), -1) {
		names = append(names, name[1])
		if statements[name[1]] == "" {
			t.Errorf("%s is not in the table of this test", name[1])
		}
	}
	exec := func(sql string) {
		if _, err := pool.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	const waiting = `INSERT INTO inline_pending
		SELECT gen_random_uuid(), i, 1, 1, 1, 1, false, false, 0, '\x00' FROM generate_series(1, 100000) AS i`
	const completed = `INSERT INTO inline_completed
		SELECT gen_random_uuid(), i, now(), now(), 1, 1, 1, 1, false, false, 0, 0, '\x00', '\x00' FROM generate_series(1, 100000) AS i`
	for i, step := range [][]string{{"ANALYZE"}, {waiting, completed}, {"ANALYZE"}} {
		for _, sql := range step {
			exec(sql)
		}
		for _, name := range slices.Sorted(slices.Values(names)) {
			if whole := testdb.WholeTables(t, pool, statements[name], "inline_pending", "inline_completed"); len(whole) > 0 {
				t.Errorf("step %d: %s reads all of %v, want of none", i, name, whole)
			}
		}
	}
}

// TestPagesWalkIndexes: a page of inline multiplications is the first rows along an index, also when statistics are
// missing.
func TestPagesWalkIndexes(t *testing.T) {
	t.Parallel()
	pool := testdb.New(t) // its tables were never analyzed, and look as if they had few rows
	for name, sql := range map[string]string{"pending": db.PageInlinePending, "completed": db.PageInlineCompleted} {
		var batch pgx.Batch
		inline.WalkIndexes(&batch)
		var plan []string
		batch.Queue("EXPLAIN "+sql, 1, uuid.Max, uuid.Nil, 10).Query(func(rows pgx.Rows) (err error) {
			plan, err = pgx.CollectRows(rows, pgx.RowTo[string])
			return err
		})
		if err := pool.SendBatch(t.Context(), &batch).Close(); err != nil {
			t.Fatal(err)
		}
		text := strings.Join(plan, "\n")
		if !strings.Contains(text, " Scan Backward using") || strings.Contains(text, "Sort") {
			t.Errorf("%s: the plan is\n%s\nwant a walk along an index", name, text)
		}
	}
}

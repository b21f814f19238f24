package testdb

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// node is a part of what EXPLAIN returns as JSON.
type node struct {
	Type      string `json:"Node Type"`
	Table     string `json:"Relation Name"`
	Index     string `json:"Index Name"`
	Condition string `json:"Index Cond"`
	Plans     []node
}

var parameter = regexp.MustCompile(`\$(\d+)`)

// Plan returns as JSON how a statement is executed when it is a prepared one that has been executed often: for any
// arguments. A setting is one of Postgres, as name = value.
func Plan(t testing.TB, pool *pgxpool.Pool, sql string, settings ...string) []byte {
	t.Helper()
	tx, err := pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(t.Context()) }()
	parameters := 0
	for _, found := range parameter.FindAllStringSubmatch(sql, -1) {
		n, err := strconv.Atoi(found[1])
		if err != nil {
			t.Fatal(err)
		}
		parameters = max(parameters, n)
	}
	explain := "EXPLAIN (FORMAT JSON) EXECUTE planned"
	if parameters > 0 {
		explain += "(" + strings.TrimSuffix(strings.Repeat("NULL, ", parameters), ", ") + ")"
	}
	statements := []string{"SET LOCAL plan_cache_mode = force_generic_plan", "PREPARE planned AS " + sql}
	for _, setting := range settings {
		statements = append(statements, "SET LOCAL "+setting)
	}
	for _, statement := range statements {
		if _, err := tx.Exec(t.Context(), statement); err != nil {
			t.Fatalf("%v: %s", err, sql)
		}
	}
	var plan []byte
	if err := tx.QueryRow(t.Context(), explain).Scan(&plan); err != nil {
		t.Fatalf("%v: %s", err, sql)
	}
	if _, err := tx.Exec(t.Context(), "DEALLOCATE planned"); err != nil {
		t.Fatal(err)
	}
	return plan
}

// rootOf returns the node of a statement's Plan that all others are below.
func rootOf(t testing.TB, pool *pgxpool.Pool, sql string) node {
	t.Helper()
	var plan []struct{ Plan node }
	if err := json.Unmarshal(Plan(t, pool, sql), &plan); err != nil {
		t.Fatal(err)
	}
	return plan[0].Plan
}

// WholeTables returns which of some tables, or of their indexes, a statement reads from one end to the other by its
// Plan.
func WholeTables(t testing.TB, pool *pgxpool.Pool, sql string, tables ...string) []string {
	t.Helper()
	whole := rootOf(t, pool, sql).whole(tables, leading(t, pool))
	slices.Sort(whole)
	return slices.Compact(whole)
}

// leading returns the first column of each index. A condition that says nothing of it has the whole index read.
func leading(t testing.TB, pool *pgxpool.Pool) map[string]string {
	t.Helper()
	rows, err := pool.Query(t.Context(),
		"SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid, 1, true) FROM pg_index")
	if err != nil {
		t.Fatal(err)
	}
	first := map[string]string{}
	var name, column string
	_, err = pgx.ForEachRow(rows, []any{&name, &column}, func() error {
		first[name] = column
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return first
}

// whole returns which of some tables a node, or one below it, reads from one end to the other.
func (n node) whole(tables []string, leading map[string]string) (found []string) {
	read := n.Type == "Seq Scan" ||
		strings.Contains(n.Type, "Index") && !strings.Contains(n.Condition, "("+leading[n.Index]+" ")
	if read && slices.Contains(tables, n.Table) {
		found = append(found, fmt.Sprintf("%s (%s %s)", n.Table, n.Type, n.Index))
	}
	for _, below := range n.Plans {
		found = append(found, below.whole(tables, leading)...)
	}
	return found
}

// Conditions returns by what a statement looks rows of a table up in its indexes, by its Plan.
func Conditions(t testing.TB, pool *pgxpool.Pool, sql, table string) []string {
	t.Helper()
	return rootOf(t, pool, sql).conditions(table)
}

func (n node) conditions(table string) (found []string) {
	if n.Condition != "" && n.Table == table {
		found = append(found, n.Condition)
	}
	for _, below := range n.Plans {
		found = append(found, below.conditions(table)...)
	}
	return found
}

package store_test

import (
	"bytes"
	"maps"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/internal/testdb"
	"github.com/millrace/millrace/store/internal/db"
)

// TestIndexes: each secondary index of our tables is there for a statement that uses it. An index without one costs each
// row that is written, and each vacuum.
func TestIndexes(t *testing.T) {
	t.Parallel()
	pool := testdb.New(t)
	statements := map[string]string{
		"idempotency_keys_expires_at":    db.DeleteExpiredIdempotencyKeys,
		"inline_completed_of_tenant":     db.PageInlineCompleted,
		"matrices_content_id":            db.ContentIsShared,
		"matrices_digest":                db.FindContent,
		"matrices_expires_at":            db.DeleteExpiredMatrices,
		"matrices_tenant_newest":         db.PageMatrices,
		"multiplications_a":              db.PageByMatrix,
		"multiplications_active":         db.CountActiveMultiplications,
		"multiplications_b":              db.PageByMatrix,
		"multiplications_c":              db.PageByMatrix,
		"multiplications_expires_at":     db.DeleteExpiredMultiplications,
		"multiplications_growing":        db.SumReserved,
		"multiplications_reuse":          db.ShareResult,
		"multiplications_tenant_newest":  db.PageByState,
		"multiplications_unqueued":       db.ListStarved,
		"uploads_expires_at":             db.DeleteExpiredUploads,
		"webhook_deliveries_due":         db.CountOverdueDeliveries,
		"webhook_deliveries_finished_at": db.DeleteExpiredDeliveries,
	}
	rows, err := pool.Query(t.Context(), `SELECT c.relname::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
		JOIN pg_class t ON t.oid = i.indrelid
		WHERE t.relnamespace = 'public'::regnamespace AND t.relname NOT LIKE 'river%' AND t.relname NOT LIKE 'goose%'
			AND NOT i.indisprimary AND NOT i.indisunique ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	got, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	if want := slices.Sorted(maps.Keys(statements)); !slices.Equal(got, want) {
		t.Errorf("the indexes are %v, those with a statement %v", got, want)
	}
	for index, sql := range statements {
		plan := testdb.Plan(t, pool, sql, "enable_seqscan = off", "enable_sort = off")
		if !bytes.Contains(plan, []byte(`"`+index+`"`)) {
			t.Errorf("%s is not in the plan of its statement: %s", index, plan)
		}
	}
}

package inline

import (
	"context"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/store/database"
	"github.com/millrace/millrace/store/internal/db"
)

// FromRow returns an inline multiplication with its contents.
func FromRow(row db.ListInlineContentsRow) Multiplication {
	return Multiplication{
		ID:             row.ID,
		TenantID:       row.TenantID,
		Job:            row.Job,
		Priority:       row.Priority,
		M:              int64(row.M),
		K:              int64(row.K),
		N:              int64(row.N),
		A:              DType(row.AFloat32),
		B:              DType(row.BFloat32),
		StartedAt:      row.StartedAt,
		FinishedAt:     row.FinishedAt,
		Operands:       row.Operands,
		Checksum:       uint32(row.Checksum), //nolint:gosec // the same bits
		Result:         row.Result,
		ResultChecksum: uint32(row.ResultChecksum), //nolint:gosec // the same bits
	}
}

// FromRows returns inline multiplications with their contents.
func FromRows(rows []db.ListInlineContentsRow) []Multiplication {
	all := make([]Multiplication, len(rows))
	for i, row := range rows {
		all[i] = FromRow(row)
	}
	return all
}

// FromState returns an inline multiplication without its contents.
func FromState(row db.ListInlineRow) Multiplication {
	return FromRow(db.ListInlineContentsRow{
		ID:         row.ID,
		TenantID:   row.TenantID,
		Job:        row.Job,
		Priority:   row.Priority,
		M:          row.M,
		K:          row.K,
		N:          row.N,
		AFloat32:   row.AFloat32,
		BFloat32:   row.BFloat32,
		StartedAt:  row.StartedAt,
		FinishedAt: row.FinishedAt,
	})
}

// Batch adds to a batch the reading of those of the given multiplications that are inline and of their tenant, with
// their contents. They are in the returned slice, in any order, after the batch was sent.
func Batch(batch *pgx.Batch, owned []identity.Owned) *[]Multiplication {
	found := new([]Multiplication)
	ids := identity.IDs(owned)
	wanted := identity.Among(owned)
	batch.Queue(db.ListInlineContents, ids).Query(func(rows pgx.Rows) error {
		//house:ignore bound the batch is sent already, with a context of its own
		read, err := db.New(database.NewSent(rows)).ListInlineContents(context.Background(), ids)
		*found = slices.DeleteFunc(FromRows(read), func(m Multiplication) bool {
			return !wanted(identity.Owned{Tenant: m.TenantID, ID: m.ID})
		})
		return err
	})
	return found
}

// GenericPlans adds to a batch that the plans of its other statements do not depend on their parameters, which takes
// Postgres longer to plan than to execute. It must be the first statement. Tables must not look small: see migration
// 00011.
func GenericPlans(batch *pgx.Batch) {
	batch.Queue("SELECT set_config('plan_cache_mode', 'force_generic_plan', true)")
}

// BatchStates adds to a batch the reading of those of the given ids that are inline multiplications, without their
// contents. They are in the returned map after the batch was sent.
func BatchStates(batch *pgx.Batch, ids []uuid.UUID) map[uuid.UUID]Multiplication {
	found := make(map[uuid.UUID]Multiplication, len(ids))
	batch.Queue(db.ListInline, ids).Query(func(rows pgx.Rows) error {
		//house:ignore bound the batch is sent already, with a context of its own
		read, err := db.New(database.NewSent(rows)).ListInline(context.Background(), ids)
		for _, row := range read {
			found[row.ID] = FromState(row)
		}
		return err
	})
	return found
}

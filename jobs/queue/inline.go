package queue

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/jobs/queue/internal/db"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/database"
	"github.com/millrace/millrace/store/inline"
)

// InlineKind is the kind of the jobs that compute a bundle of inline multiplications.
const InlineKind = "multiply_inline"

// Offer is an inline multiplication that is to be accepted, with the response to its request if that has a key.
type Offer struct {
	inline.Multiplication
	Key   *store.IdempotencyKey
	Waits bool // a client waits for the result
}

// Bundle is what one job computes: the inline multiplications of its own in a range of ids.
type Bundle struct {
	Job   int64 // 0: it has none yet
	First uuid.UUID
	Last  uuid.UUID
}

// Acceptance is what is accepted together.
type Acceptance struct {
	Offers  [][]Offer // of each bundle, which has one priority; no two of all have one key
	Bundles []Bundle  // with a job: that of a bundle that was accepted before, to which the offers are added if it waits
	Ahead   []float64 // of each bundle: how many seconds before now its place in line is
	Origins []string  // of tracing, of each bundle that needs a job; those that are left out at the end have none
	Status  int       // HTTP status of the responses
	Hasty   bool      // fail rather than wait longer than a moment for a transaction that is about to write the same key
}

// Crowd is how many multiplications in one transaction say that more come at once.
const Crowd = 8

// hastyWait is how long a transaction of many offers waits for one that is about to write the key of one of them.
const hastyWait = "500ms"

// Accept writes the rows of inline multiplications, one job for each bundle of them that has none, and the responses
// to requests with keys, in one transaction; then it wakes the workers. It returns the jobs of those that were
// accepted, by their ids: the others have keys that were used before, unless none was accepted because a process of a
// version runs that does not know of such multiplications; see KnowInline.
func (c *Client) Accept(ctx context.Context, a Acceptance) (map[uuid.UUID]int64, error) {
	params := c.bundleParams(a)
	rows, err := c.insertBundles(ctx, params, a.Hasty && len(params.Keys) > 0)
	if err != nil {
		return nil, fmt.Errorf("accepting multiplications: %w", err)
	}
	accepted := make(map[uuid.UUID]int64, len(rows))
	for _, row := range rows {
		accepted[row.ID] = row.Job
	}
	if len(accepted) > 0 {
		c.wakeFor(a)
	}
	return accepted, nil
}

// wakeFor wakes the workers after an acceptance: soon if it is of a crowd for which no client waits, else at once.
func (c *Client) wakeFor(a Acceptance) {
	waits := func(o Offer) bool { return o.Waits }
	n := 0
	for _, offers := range a.Offers {
		if slices.ContainsFunc(offers, waits) {
			c.Wake(Small)
			return
		}
		n += len(offers)
	}
	if n < Crowd {
		c.Wake(Small)
		return
	}
	c.sender.Send(crowdChannel, wakePayload(Small))
}

// bundleParams returns the parameters of the statement that accepts.
func (c *Client) bundleParams(a Acceptance) db.InsertBundlesParams {
	params := db.InsertBundlesParams{
		InlineSince: a.since(),
		Status:      int16(a.Status), //nolint:gosec // an HTTP status
		Retention:   c.store.Retention,
		Kind:        InlineKind,
		MaxAttempts: MaxAttempts,
		Queue:       Small,
		Origins:     a.Origins,
	}
	var keys []*store.IdempotencyKey
	for i, offers := range a.Offers {
		first := offers[0].ID // distinguishes the bundle
		params.Firsts = append(params.Firsts, first)
		params.Lasts = append(params.Lasts, a.Bundles[i].Last)
		params.Urgencies = append(params.Urgencies, cmp.Or(offers[0].Urgency, offers[0].Priority))
		params.OpenJobs = append(params.OpenJobs, a.Bundles[i].Job)
		params.Ahead = append(params.Ahead, a.Ahead[i])
		for _, o := range offers {
			addOffer(&params, o, first)
			if o.Key != nil {
				keys = append(keys, o.Key)
			}
		}
	}
	addKeys(&params, keys)
	return params
}

// addKeys adds the responses to requests, in one order: transactions with the same keys must not wait for each other.
func addKeys(p *db.InsertBundlesParams, keys []*store.IdempotencyKey) {
	slices.SortFunc(keys, func(x, y *store.IdempotencyKey) int { return strings.Compare(x.Stored(), y.Stored()) })
	for _, key := range keys {
		p.Keys = append(p.Keys, key.Stored())
		p.Fingerprints = append(p.Fingerprints, key.Fingerprint)
		p.Locations = append(p.Locations, key.Location)
		p.Bodies = append(p.Bodies, key.Body)
	}
}

// insertBundles runs one statement, which is a transaction of its own.
func (c *Client) insertBundles(
	ctx context.Context, params db.InsertBundlesParams, hasty bool,
) (rows []db.InsertBundlesRow, err error) {
	if !hasty {
		return c.db.InsertBundles(ctx, params)
	}
	err = pgx.BeginFunc(ctx, c.store.Pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT set_config('lock_timeout', $1, true)", hastyWait); err != nil {
			return err
		}
		rows, err = db.New(tx).InsertBundles(ctx, params)
		return err
	})
	return rows, err
}

// addOffer adds a row of the bundle whose first id is given.
func addOffer(p *db.InsertBundlesParams, o Offer, first uuid.UUID) {
	key := ""
	if o.Key != nil {
		key = o.Key.Stored()
	}
	p.Ids = append(p.Ids, o.ID)
	p.BundleOf = append(p.BundleOf, first)
	p.M = append(p.M, int16(o.M)) //nolint:gosec // an inline multiplication is small
	p.K = append(p.K, int16(o.K)) //nolint:gosec // the same
	p.N = append(p.N, int16(o.N)) //nolint:gosec // the same
	p.AFloat32 = append(p.AFloat32, o.A == matrix.Float32)
	p.BFloat32 = append(p.BFloat32, o.B == matrix.Float32)
	p.Checksums = append(p.Checksums, int32(o.Checksum)) //nolint:gosec // the same bits
	p.Operands = append(p.Operands, o.Operands)
	p.Tenants = append(p.Tenants, int32(o.TenantID))
	p.KeyOf = append(p.KeyOf, key)
	p.Priorities = append(p.Priorities, o.Priority)
}

// KnowInline reports whether each process that runs understands the inline multiplications of an acceptance, and none
// of their tenants has a webhook that tells of them.
func (c *Client) KnowInline(ctx context.Context, a Acceptance) (bool, error) {
	return c.db.KnowInline(ctx, a.since(), c.bundleParams(a).Tenants)
}

// Waiting returns the multiplications of a bundle that wait, with their operands.
func (c *Client) Waiting(ctx context.Context, b Bundle) ([]inline.Multiplication, error) {
	rows, err := c.db.ListBundle(ctx, b.First, b.Last, b.Job)
	if err != nil {
		return nil, fmt.Errorf("reading a bundle: %w", err)
	}
	waiting := make([]inline.Multiplication, len(rows))
	for i, row := range rows {
		waiting[i] = inline.Multiplication{
			ID:       row.ID,
			TenantID: row.TenantID,
			Job:      b.Job,
			M:        int64(row.M),
			K:        int64(row.K),
			N:        int64(row.N),
			A:        inline.DType(row.AFloat32),
			B:        inline.DType(row.BFloat32),
			Operands: row.Operands,
			Checksum: uint32(row.Checksum), //nolint:gosec // the same bits
		}
	}
	return waiting, nil
}

// Complete stores the results of multiplications of a bundle and completes its job, if that is still in the attempt
// that started at a time, in one transaction. It returns the ids of those that are completed with that; others were
// cancelled meanwhile, or completed by another worker.
func (c *Client) Complete(
	ctx context.Context, b Bundle, startedAt time.Time, computed []inline.Multiplication,
) ([]uuid.UUID, error) {
	params := db.CompleteBundleParams{StartedAt: startedAt, Job: b.Job}
	for _, i := range computed {
		params.Ids = append(params.Ids, i.ID)
		params.Results = append(params.Results, i.Result)
		params.Checksums = append(params.Checksums, int32(i.ResultChecksum)) //nolint:gosec // the same bits
	}
	complete := c.db.CompleteBundle
	if len(computed) <= fewOfBundle {
		complete = c.completeFew
	}
	completed, err := complete(ctx, params)
	if err != nil {
		return nil, fmt.Errorf("completing a bundle: %w", err)
	}
	return completed, nil
}

// fewOfBundle is up to how many multiplications a bundle takes longer to plan than to complete.
const fewOfBundle = 16

// completeFew completes a bundle by a plan that does not depend on its size.
func (c *Client) completeFew(ctx context.Context, params db.CompleteBundleParams) (completed []uuid.UUID, err error) {
	var batch pgx.Batch
	inline.GenericPlans(&batch)
	batch.Queue(db.CompleteBundle, params.StartedAt, params.Ids, params.Results, params.Checksums, params.Job).
		Query(func(rows pgx.Rows) error {
			completed, err = db.New(database.NewSent(rows)).CompleteBundle(ctx, params)
			return err
		})
	return completed, c.store.SendBatch(ctx, &batch)
}

// ExpandTx gives those of the given ids that are inline multiplications rows of their own, and a job if they wait. It
// returns the ids of these.
func (c *Client) ExpandTx(ctx context.Context, tx *store.Tx, ids []uuid.UUID) ([]uuid.UUID, error) {
	expanded, err := db.New(tx.Pgx()).ExpandInline(ctx, ids, c.store.Retention, MaxAttempts)
	if err != nil {
		return nil, fmt.Errorf("expanding inline multiplications: %w", err)
	}
	if len(expanded) > 0 {
		tx.AfterCommit(func() { c.Wake(Small) })
	}
	return expanded, nil
}

// BatchInlineProgress adds to a batch the reading of the progress of those of the given ids that are inline
// multiplications which wait. It is in the returned map after the batch was sent.
func BatchInlineProgress(batch *pgx.Batch, ids []uuid.UUID) map[uuid.UUID]Progress {
	progress := map[uuid.UUID]Progress{}
	batch.Queue(db.ListInlineProgress, ids).Query(func(rows pgx.Rows) error {
		//house:ignore bound the batch is sent already, with a context of its own
		found, err := db.New(database.NewSent(rows)).ListInlineProgress(context.Background(), ids)
		for _, row := range found {
			p := Progress{Attempts: int64(row.Attempt)}
			if row.Running {
				p.Running = 1
			}
			progress[row.GroupID] = p
		}
		return err
	})
	return progress
}

// How a job was stopped that has no attempts left, and one that has crashed its worker MaxCrashes times.
const (
	Discarded   = string(db.RiverJobStateDiscarded)
	Quarantined = "quarantined"
)

// StoppedInline returns up to limit inline multiplications that wait although the job of their bundle was stopped
// within a time, with how it was.
func (c *Client) StoppedInline(ctx context.Context, within time.Duration, limit int) (map[uuid.UUID]string, error) {
	rows, err := c.db.ListStoppedInline(ctx, within, InlineKind, int32(limit)) //nolint:gosec // a page
	stopped := make(map[uuid.UUID]string, len(rows))
	for _, row := range rows {
		stopped[row.ID] = string(row.State)
	}
	return stopped, err
}

// UnsettledInline returns up to limit inline multiplications that wait for a job that is not there, or has ended.
func (c *Client) UnsettledInline(ctx context.Context, limit int) ([]uuid.UUID, error) {
	return c.db.ListUnsettledInline(ctx, int32(limit)) //nolint:gosec // a page
}

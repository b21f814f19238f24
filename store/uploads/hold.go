package uploads

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/internal/loop"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/internal/db"
)

const (
	// lease is how long an upload is held that is not renewed: after a crash it goes on this much later, at most. It is
	// longer than what a block takes that begins to be written when the hold was renewed last.
	lease = renewalTimeout + store.PutTimeout + 5*time.Second
	// renewal is how often a hold is renewed.
	renewal = time.Second
	// renewalTimeout is how long the renewals may fail until the request gives up.
	renewalTimeout = 5 * time.Second
)

// Hold is the sole right to append to an upload. It ends by Settle and CompleteTx in a transaction that is committed,
// or by Release.
type Hold struct {
	Upload
	Progress Progress
	tenant   store.Tenant
	token    uuid.UUID
	ctx      context.Context //nolint:containedctx // it ends with the hold
	end      context.CancelCauseFunc
	wanted   context.Context //nolint:containedctx // see Wanted
	stop     context.CancelCauseFunc
	settle   context.CancelFunc // ends the renewals
	renewals sync.WaitGroup
}

// Begin begins to append to an upload, at its offset. Errors: store.ErrNotFound, ErrHeld, ErrCompleted, an OffsetError.
//
// What is appended is to be written in Context, which outlives the request, so that all that has come can be saved.
func Begin(ctx context.Context, t store.Tenant, id uuid.UUID, offset int64) (*Hold, error) {
	token := store.NewID()
	row, err := db.New(t.Store().Pool).HoldUpload(ctx, db.HoldUploadParams{
		Holder:   token,
		Lease:    lease,
		Life:     Life,
		ID:       id,
		TenantID: t.ID(),
		Received: offset,
	})
	switch {
	case none(err):
		return nil, refused(ctx, t, id, offset)
	case err != nil:
		return nil, fmt.Errorf("going on with upload %s: %w", id, err)
	}
	h := &Hold{
		Upload: newUpload(row),
		tenant: t,
		token:  token,
	}
	if h.Progress, err = h.parse(); err != nil {
		return nil, err
	}
	h.ctx, h.end = context.WithCancelCause(context.WithoutCancel(ctx))
	h.wanted, h.stop = context.WithCancelCause(h.ctx)
	renewing, settle := context.WithCancel(h.ctx)
	h.settle = settle
	h.renewals.Go(func() { h.renew(renewing) })
	return h, nil
}

// Context ends when the upload is not held any more.
func (h *Hold) Context() context.Context { return h.ctx }

// Wanted ends when nothing more is to be received: also when the client asks how far the upload has come. What has come
// can be saved as long as Context lasts.
func (h *Hold) Wanted() context.Context { return h.wanted }

// Settle ends the renewals: what is left fits into the lease. It comes before the transaction that completes the
// upload, after which a renewal would take the upload for lost.
func (h *Hold) Settle() {
	h.settle()
	h.renewals.Wait()
}

// renew renews the hold until ctx is done.
func (h *Hold) renew(ctx context.Context) {
	renewed := time.Now()
	loop.Every(ctx, renewal, func(context.Context) {
		ctx, done := context.WithTimeout(h.ctx, renewal)
		defer done()
		began := time.Now()
		interrupted, err := db.New(h.tenant.Store().Pool).RenewHold(ctx, db.RenewHoldParams{
			Lease:  lease,
			Life:   Life,
			ID:     h.ID,
			Holder: h.token,
		})
		switch {
		case none(err):
			h.end(ErrLost)
		case err == nil:
			renewed = began
			if interrupted {
				h.stop(ErrLost)
			}
		case time.Since(renewed) > renewalTimeout:
			h.end(fmt.Errorf("renewing the hold of an upload: %w", err))
		}
	})
}

// Save writes down that the upload goes on at an offset from now on. All blocks before it must be in the block store.
func (h *Hold) Save(ctx context.Context, offset int64, p Progress) error {
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	n, err := db.New(h.tenant.Store().Pool).SaveUpload(ctx, db.SaveUploadParams{
		Received: offset,
		Progress: text,
		Life:     Life,
		ID:       h.ID,
		Holder:   h.token,
	})
	if err == nil && n == 0 {
		err = ErrLost
	}
	if err != nil {
		return fmt.Errorf("saving how far an upload has come: %w", err)
	}
	h.Offset = offset
	h.Progress = p
	return nil
}

// CompleteTx ends an upload whose matrix becomes ready in this transaction.
func (h *Hold) CompleteTx(ctx context.Context, tx *store.TenantTx) error {
	n, err := db.New(tx.Tx().Pgx()).CompleteUpload(ctx, Life, h.ID, h.token)
	if err == nil && n == 0 {
		err = ErrLost
	}
	if err != nil {
		return fmt.Errorf("completing an upload: %w", err)
	}
	return nil
}

// releaseTimeout bounds how long a request tries to release its upload. The lease ends anyway.
const releaseTimeout = 10 * time.Second

// Release lets another request append.
func (h *Hold) Release() error {
	h.end(errors.New("the hold was released"))
	ctx, cancel := context.WithTimeout(context.WithoutCancel(h.ctx), releaseTimeout)
	defer cancel()
	if err := db.New(h.tenant.Store().Pool).ReleaseUpload(ctx, h.ID, h.token); err != nil {
		return fmt.Errorf("releasing upload %s: %w", h.ID, err)
	}
	return nil
}

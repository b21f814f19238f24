// Package uploads keeps uploads that go on after a break, in this process or in another one.
//
// The file of an upload is cut into blocks while it comes, as that of any other one. From time to time all blocks
// before a place are in the block store: that place is written into the row of the upload, with what it takes to go on
// behind it. What came after the last such place is lost when the connection breaks, and is sent again.
//
// One request at a time appends: it holds the upload by a lease, which it renews. A request that has lost its lease
// writes no more blocks: one that has begun ends before the lease does.
package uploads

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/internal/db"
)

const (
	// Life is how long an upload is kept that does not go on.
	Life = time.Hour
	// MinBytes is the size of the smallest file whose upload can go on: one that is smaller is sent again.
	MinBytes = 1 << 20
	// MaxStep is about how much is lost of an upload that breaks, at most: a stripe of blocks.
	MaxStep = 64 << 20
)

var (
	// ErrHeld means that another request appends to the upload.
	ErrHeld = errors.New("another request appends to the upload")
	// ErrCompleted means that all of the upload is there.
	ErrCompleted = errors.New("the upload is completed")
	// ErrLost means that a request does not hold its upload any more.
	ErrLost = errors.New("the upload was cancelled, or goes on elsewhere")
)

// HeldError is ErrHeld with the time after which the other request holds the upload no more, if nothing renews it.
type HeldError struct{ For time.Duration }

// Error implements error.
func (e *HeldError) Error() string { return ErrHeld.Error() }

// Is makes it an ErrHeld.
func (e *HeldError) Is(target error) bool { return target == ErrHeld }

// OffsetError means that a request begins to append at another place than the one where the upload goes on.
type OffsetError struct{ Want, Got int64 }

// Error implements error.
func (e *OffsetError) Error() string {
	return fmt.Sprintf("the upload goes on at byte %d, the request is about byte %d", e.Want, e.Got)
}

// Upload is an upload that can go on.
type Upload struct {
	ID        uuid.UUID // and that of its matrix
	Length    int64     // of the file, in bytes
	Offset    int64     // where it goes on
	Digests   string    // the Repr-Digest that the file must have
	Retention time.Duration
	Completed bool
	ExpiresAt time.Time
	HeldFor   time.Duration // how long another request holds it, at most
	progress  []byte
}

// Progress is what it takes to go on.
type Progress struct {
	Head   []byte            `json:"head"` // of the .npy file
	Mark   store.Mark        `json:"mark"`
	Hashes map[string][]byte `json:"hashes,omitempty"` // the states of the digests of the file
}

func newUpload(row db.Upload) Upload {
	u := Upload{
		ID:        row.ID,
		Length:    row.Length,
		Offset:    row.Received,
		Digests:   row.Digests,
		Completed: row.Completed,
		ExpiresAt: row.ExpiresAt,
		progress:  row.Progress,
	}
	if row.Retention != nil {
		u.Retention = *row.Retention
	}
	return u
}

// CreateTx begins an upload of a file of a length, for a matrix with a retention of its own if that is not 0.
func CreateTx(
	ctx context.Context, tx *store.TenantTx, length int64, digests string, retention time.Duration,
) (Upload, error) {
	p := db.InsertUploadParams{
		ID:       store.NewID(),
		TenantID: tx.ID(),
		Length:   length,
		Digests:  digests,
		Life:     Life,
	}
	if retention > 0 {
		p.Retention = &retention
	}
	row, err := db.New(tx.Tx().Pgx()).InsertUpload(ctx, p)
	if err != nil {
		return Upload{}, fmt.Errorf("beginning an upload: %w", err)
	}
	return newUpload(row), nil
}

// Get returns an upload. Errors: store.ErrNotFound.
func Get(ctx context.Context, t store.Tenant, id uuid.UUID) (Upload, error) {
	row, err := db.New(t.Store().Pool).GetUpload(ctx, id, t.ID())
	if err != nil {
		return Upload{}, store.NotFound(err, "upload", id)
	}
	u := newUpload(db.Upload{
		ID:        row.ID,
		Length:    row.Length,
		Received:  row.Received,
		Digests:   row.Digests,
		Retention: row.Retention,
		Completed: row.Completed,
		ExpiresAt: row.ExpiresAt,
	})
	u.HeldFor = row.Held
	return u, nil
}

// Cancel gives up an upload, and deletes what is there of it; a matrix that is ready stays. Errors: store.ErrNotFound.
func Cancel(ctx context.Context, t store.Tenant, id uuid.UUID) error {
	completed, err := db.New(t.Store().Pool).CancelUpload(ctx, id, t.ID())
	if err != nil {
		return store.NotFound(err, "upload", id)
	}
	if completed {
		return nil
	}
	return t.Store().Blocks.Delete(ctx, id) // blocks that a request still writes are orphans, and swept
}

// offsetTimeout is how long Offset waits for another request to let go.
const offsetTimeout = 5 * time.Second

// Offset returns an upload when no request appends to it, so that its offset is that of the next one. A request that
// appends is interrupted: the client that asks has lost it. Errors: store.ErrNotFound, ErrHeld.
func Offset(ctx context.Context, t store.Tenant, id uuid.UUID) (Upload, error) {
	const look = 100 * time.Millisecond
	for began := time.Now(); ; {
		u, err := Get(ctx, t, id)
		if err != nil || u.HeldFor == 0 {
			return u, err
		}
		dead := u.HeldFor < lease-5*renewal // it is not renewed
		if dead || time.Since(began) > offsetTimeout {
			return u, &HeldError{For: u.HeldFor}
		}
		if err := db.New(t.Store().Pool).InterruptUpload(ctx, id, t.ID()); err != nil {
			return u, fmt.Errorf("interrupting upload %s: %w", id, err)
		}
		select {
		case <-ctx.Done():
			return u, ctx.Err()
		case <-time.After(look):
		}
	}
}

// refused says why an upload cannot be held.
func refused(ctx context.Context, t store.Tenant, id uuid.UUID, offset int64) error {
	u, err := Get(ctx, t, id)
	switch {
	case err != nil:
		return err
	case u.Completed:
		return ErrCompleted
	case u.HeldFor > 0:
		return &HeldError{For: u.HeldFor}
	case u.Offset != offset:
		return &OffsetError{Want: u.Offset, Got: offset}
	}
	return &HeldError{For: time.Second} // it was until now
}

// parse reads the progress of an upload; nothing has come of one without.
func (u Upload) parse() (p Progress, err error) {
	if len(u.progress) == 0 {
		return p, nil
	}
	if err := json.Unmarshal(u.progress, &p); err != nil {
		return p, fmt.Errorf("the progress of upload %s: %w", u.ID, err)
	}
	return p, nil
}

// none reports whether an error of a statement says that there is no such row.
func none(err error) bool { return errors.Is(err, pgx.ErrNoRows) }

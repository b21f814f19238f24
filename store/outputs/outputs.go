// Package outputs writes results of multiplications to objects in buckets of users.
package outputs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/internal/db"
	"github.com/millrace/millrace/store/objects"
)

// since is the schema version from which on processes know of objects.
const since = 28

// ErrUnknown means that a process runs that knows of no objects, and could not compute the multiplication.
var ErrUnknown = errors.New("the service is being updated: older processes cannot read or write objects in buckets")

// KnownTx returns ErrUnknown unless each process knows of objects.
func KnownTx(ctx context.Context, tx *store.Tx) error {
	known, err := db.New(tx.Pgx()).AllKnow(ctx, since)
	if err == nil && !known {
		err = ErrUnknown
	}
	return err
}

// Write writes the result of a multiplication, whose tiles are all stored, to its output, and returns what that is now.
// What earlier attempts have begun is aborted, so that none of them completes its own any more. Errors: those of
// objects.Room.Write.
func Write(ctx context.Context, s *store.Store, m store.MultiplicationWithMatrices) (objects.Output, error) {
	row := m.Multiplication
	queries := db.New(s.Pool)
	earlier, err := queries.ListObjectUploads(ctx, row.ID)
	if err != nil {
		return objects.Output{}, fmt.Errorf("reading earlier uploads: %w", err)
	}
	for _, u := range earlier {
		if err := abort(ctx, s, u); err != nil {
			return objects.Output{}, err
		}
	}
	return s.Objects.Write(ctx, row.TenantID, *row.Output, content(s, m.C), m.C.BlockRows, journal{
		queries: queries,
		id:      row.ID,
		ref:     row.Output.Ref,
	})
}

// content returns the elements of a result. One without elements is stored nowhere.
func content(s *store.Store, c store.Matrix) matrix.Source {
	if c.Shape().Elements() == 0 {
		return matrix.NewMemory(c.Shape(), nil)
	}
	return s.Source(c)
}

// SaveTx saves what the output of a multiplication is.
func SaveTx(ctx context.Context, tx *store.Tx, id uuid.UUID, o objects.Output) error {
	return db.New(tx.Pgx()).SaveOutput(ctx, &o, id)
}

// journal keeps the uploads of a multiplication.
type journal struct {
	queries *db.Queries
	id      uuid.UUID
	ref     objects.Ref
}

// Begun implements objects.Journal.
func (j journal) Begun(ctx context.Context, upload string) error {
	return j.queries.InsertObjectUpload(ctx, db.InsertObjectUploadParams{
		Upload: upload,
		Bucket: j.ref.Bucket,
		Key:    j.ref.Key,
		ID:     j.id,
	})
}

// Ended implements objects.Journal.
func (j journal) Ended(ctx context.Context, upload string) error {
	return j.queries.DeleteObjectUpload(ctx, j.id, upload)
}

// abort aborts an upload, and forgets it.
func abort(ctx context.Context, s *store.Store, u db.ObjectUpload) error {
	ref := objects.Ref{Bucket: u.Bucket, Key: u.Key}
	if err := s.Objects.Abort(ctx, u.TenantID, ref, u.Upload); err != nil {
		return fmt.Errorf("aborting an earlier upload: %w", err)
	}
	return db.New(s.Pool).DeleteObjectUpload(ctx, u.MultiplicationID, u.Upload)
}

const (
	// sweepRows is how many uploads one sweep aborts.
	sweepRows = 100
	// forgotten is when an upload is forgotten that cannot be aborted: by then rules of buckets have deleted it.
	forgotten = 7 * 24 * time.Hour
)

// Sweep aborts uploads of multiplications that have ended, whose processes have died. An error of one keeps it from
// none of the others.
func Sweep(ctx context.Context, s *store.Store) error {
	ended, err := db.New(s.Pool).ListEndedObjectUploads(ctx, sweepRows)
	errs := []error{err}
	for _, u := range ended {
		err := abort(ctx, s, u)
		if err != nil && time.Since(u.BegunAt) > forgotten {
			err = db.New(s.Pool).DeleteObjectUpload(ctx, u.MultiplicationID, u.Upload)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

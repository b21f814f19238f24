// Package reuse gives a new multiplication the result of an earlier one that has multiplied the same matrices, while
// that is kept. Both have a result of their own then, which share the blocks: as uploads of the same content do.
package reuse

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/npy"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/internal/db"
)

// version is part of each key. A change of what is computed, of the generator of random matrices, say, makes it another
// one: no result of before is reused then.
const version = 1

// Key returns what distinguishes the result of a times b from all others of a tenant: of others with the same key it is
// the same. It is nil if that cannot be told.
func Key(t identity.TenantID, a, b store.Matrix) []byte {
	left, right := content(a), content(b)
	if left == "" || right == "" {
		return nil
	}
	dtype := matrix.Promote(a.DType, b.DType)
	text := fmt.Sprintf("%d multiply %d %s\n%s\n%s", version, t, dtype, left, right)
	key := sha256.Sum256([]byte(text))
	return key[:]
}

// content names the content of an operand: matrices of one name have the same elements. It is empty if there is no
// such name.
func content(m store.Matrix) string {
	shape := fmt.Sprintf("%d %d %s", m.Rows, m.Cols, m.DType)
	switch o := m.Object; {
	case m.Seed != nil:
		return fmt.Sprintf("random %s %d", shape, *m.Seed)
	case o != nil && !strong(o.ETag):
		return ""
	case o != nil:
		layout := fmt.Sprintf("%s %t %d", o.Descr, o.Fortran, o.Offset)
		return fmt.Sprintf("object %s %s %q %q %q %q", shape, layout, o.Bucket, o.Key, o.Version, o.ETag)
	case m.Digest != nil:
		return fmt.Sprintf("digest %s %x", shape, m.Digest)
	case m.Content != nil:
		return fmt.Sprintf("digest %s %x", shape, npy.Digest(m.Shape(), m.Content))
	case m.ID != uuid.Nil && m.Source == store.FromMultiplication: // a result whose digest has not been computed
		return fmt.Sprintf("blocks %s %s", shape, m.BlockOwner())
	}
	return ""
}

// strong reports whether an ETag is that of one content only.
func strong(etag string) bool { return etag != "" && !strings.HasPrefix(etag, "W/") }

// ShareTx writes the result of a new multiplication, if an earlier one with its key has it, and reports whether that is
// so; it expires after life. Of an earlier one that is being deleted it does not wait for the end.
func ShareTx(
	ctx context.Context, tx *store.TenantTx, result uuid.UUID, key []byte, life time.Duration,
) (bool, error) {
	_, err := db.New(tx.Tx().Pgx()).ShareResult(ctx, db.ShareResultParams{
		ID:       result,
		Key:      key,
		TenantID: tx.ID(),
		Life:     life,
	})
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("looking for an earlier result: %w", err)
	}
	return true, nil
}

// CompleteTx completes a new multiplication whose result was there, and returns it as it is then. Unless it has a
// retention of its own it expires after life.
func CompleteTx(
	ctx context.Context, tx *store.TenantTx, id uuid.UUID, life time.Duration,
) (store.Multiplication, error) {
	row, err := db.New(tx.Tx().Pgx()).CompleteReused(ctx, life, id)
	if err != nil {
		err = fmt.Errorf("completing a multiplication whose result was there: %w", err)
	}
	return store.Multiplication(row), err
}

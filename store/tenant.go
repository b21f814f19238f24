package store

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/store/inline"
	"github.com/millrace/millrace/store/internal/db"
)

// Tenant is the part of a store that belongs to a tenant: what its clients may see and use. What belongs to others is
// not found. A Store itself has no method that takes the id of a row.
type Tenant struct {
	store *Store
	id    identity.TenantID
}

// For returns the part of the store that belongs to a tenant.
func (s *Store) For(t identity.TenantID) Tenant { return Tenant{s, t} }

// All is the store of all tenants. It is for workers, the sweep and watch, which have ids out of the store, not from
// clients.
type All struct{ store *Store }

// ForAll returns the store of all tenants.
func (s *Store) ForAll() All { return All{s} }

// ID returns whose part of the store it is.
func (t Tenant) ID() identity.TenantID { return t.id }

// Store returns the store, for what concerns no row: memory and space.
func (t Tenant) Store() *Store { return t.store }

// TenantTx is a transaction on behalf of a tenant.
type TenantTx struct {
	tx *Tx
	id identity.TenantID
}

// InTx is Store.InTx on behalf of the tenant.
func (t Tenant) InTx(ctx context.Context, f func(tx *TenantTx) error) error {
	return t.store.InTx(ctx, func(tx *Tx) error { return f(tx.For(t.id)) })
}

// For returns the transaction on behalf of a tenant.
func (tx *Tx) For(t identity.TenantID) *TenantTx { return &TenantTx{tx, t} }

// ID returns on whose behalf the transaction is.
func (tx *TenantTx) ID() identity.TenantID { return tx.id }

// Tx returns the transaction for statements on rows that were found or written on behalf of the tenant.
func (tx *TenantTx) Tx() *Tx { return tx.tx }

// Matrix returns the row of a matrix. Errors: ErrNotFound, also of one that a client has deleted.
func (t Tenant) Matrix(ctx context.Context, id uuid.UUID) (Matrix, error) {
	// Inline multiplications first: one may be expanded in between, never the other way round.
	m, err := t.findInlineMatrix(ctx, id)
	if !errors.Is(err, ErrNotFound) {
		return m, err
	}
	row, err := t.store.db.GetMatrix(ctx, id, t.id)
	return visible(id, row, err)
}

// ReadyMatrix returns the row of a matrix whose content is complete. Errors: ErrNotFound, ErrNotReady.
func (t Tenant) ReadyMatrix(ctx context.Context, id uuid.UUID) (Matrix, error) {
	m, err := t.Matrix(ctx, id)
	if err == nil && m.State != Ready {
		return m, fmt.Errorf("matrix %s: %w", id, ErrNotReady)
	}
	return m, err
}

// InsertMatrix writes the row of a new matrix and returns it as it is then, with its times.
func (tx *TenantTx) InsertMatrix(ctx context.Context, m Matrix) (Matrix, error) {
	m.TenantID = tx.id
	return insertMatrix(ctx, tx.tx.db, m, tx.tx.store.Retention)
}

// InsertMultiplication writes the row of a new multiplication and returns it as it is then, with its times.
func (tx *TenantTx) InsertMultiplication(ctx context.Context, m Multiplication) (Multiplication, error) {
	m.TenantID = tx.id
	return tx.tx.insertMultiplication(ctx, m)
}

// UseMatrices locks matrices against deletion until the end of the transaction, and extends their lives. Errors:
// ErrNotFound when one does not exist or is not ready.
func (tx *TenantTx) UseMatrices(ctx context.Context, ids []uuid.UUID) error {
	if len(ids) == 0 {
		return nil
	}
	found, err := tx.tx.db.LockReadyMatrices(ctx, ids, tx.id)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if !slices.Contains(found, id) {
			return fmt.Errorf("matrix %s: %w", id, ErrNotFound)
		}
	}
	return tx.tx.db.ExtendMatrices(ctx, tx.tx.store.Retention, ids)
}

// LockMatrix returns a matrix, whose row stays locked until the end of the transaction. Errors: ErrNotFound.
func (tx *TenantTx) LockMatrix(ctx context.Context, id uuid.UUID) (Matrix, error) {
	row, err := tx.tx.db.LockMatrix(ctx, id, tx.id)
	return visible(id, row, err)
}

// LockMultiplication is Tx.LockMultiplication for one of the tenant's. Errors: ErrNotFound.
func (tx *TenantTx) LockMultiplication(ctx context.Context, id uuid.UUID) (Multiplication, error) {
	row, err := tx.tx.db.LockOwnMultiplication(ctx, id, tx.id)
	return Multiplication(row), NotFound(err, "multiplication", id)
}

// LockInline is Tx.LockInline for those of the tenant.
func (tx *TenantTx) LockInline(ctx context.Context, ids []uuid.UUID) ([]inline.Multiplication, error) {
	if err := tx.tx.db.LockOwnInline(ctx, ids, tx.id); err != nil {
		return nil, err
	}
	rows, err := tx.tx.db.ListInlineContents(ctx, ids)
	rows = slices.DeleteFunc(rows, func(row db.ListInlineContentsRow) bool { return row.TenantID != tx.id })
	return inline.FromRows(rows), err
}

// IdempotencyKey returns the response to the request that came with a key, or nil when there was none.
func (t Tenant) IdempotencyKey(ctx context.Context, key string) (*IdempotencyKey, error) {
	row, err := t.store.db.GetIdempotencyKey(ctx, storedKey(t.id, key))
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("looking for an earlier request with the key: %w", err)
	}
	return &IdempotencyKey{
		TenantID:    t.id,
		Key:         key,
		Fingerprint: row.Fingerprint,
		Status:      row.Status,
		Location:    row.Location,
		Body:        row.Body,
		CreatedAt:   row.CreatedAt,
		ExpiresAt:   row.ExpiresAt,
	}, nil
}

// SaveIdempotencyKey writes the response to a request with a key, as the last act of the transaction that does the
// work. Of several requests with one key the first one commits; the others wait here until it has, and get
// ErrKeyUsed: their work must be rolled back.
func (tx *TenantTx) SaveIdempotencyKey(ctx context.Context, k IdempotencyKey) error {
	k.TenantID = tx.id
	n, err := tx.tx.db.InsertIdempotencyKey(ctx, db.InsertIdempotencyKeyParams{
		Key:         k.Stored(),
		Fingerprint: k.Fingerprint,
		Status:      k.Status,
		Location:    k.Location,
		Body:        k.Body,
		Retention:   tx.tx.store.Retention,
	})
	if err != nil {
		return fmt.Errorf("saving the response: %w", err)
	}
	if n == 0 {
		return ErrKeyUsed
	}
	return nil
}

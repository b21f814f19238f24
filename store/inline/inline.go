// Package inline is what distinguishes inline multiplications from others: small ones whose operands came with their
// submission, which are one row each, and whose matrices have none.
package inline

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/store/blocks"
)

const (
	// Since is the schema version from which on processes understand inline multiplications.
	Since = 11
	// SinceTenants is the schema version from which on processes understand those of other tenants than the default one:
	// workers of versions before complete them without their tenant.
	SinceTenants = 14
)

// Multiplication is a row of table inline_pending, or of inline_completed.
type Multiplication struct {
	ID         uuid.UUID
	TenantID   identity.TenantID
	Job        int64 // that computes its bundle
	Priority   int16
	Urgency    int16 // of one that is being accepted: the priority of its bundle; 0: Priority
	M          int64 // A is m×k, B is k×n
	K          int64
	N          int64
	A          matrix.DType
	B          matrix.DType
	StartedAt  *time.Time // of one that is completed
	FinishedAt *time.Time

	Operands       []byte // the elements of A and of B, each row-major and little-endian
	Checksum       uint32 // CRC-32C of Operands
	Result         []byte // of one that is completed
	ResultChecksum uint32 // CRC-32C of Result
}

// Part is one of the three matrices of an inline multiplication. The last two bits of the id of the multiplication are
// 0; in the ids of its matrices they are the part.
type Part byte

// The parts of an inline multiplication.
const (
	PartA Part = 1
	PartB Part = 2
	PartC Part = 3
)

const partBits = 3

// NewID returns a UUIDv7 that may be the id of an inline multiplication, and is of no matrix of one.
func NewID() uuid.UUID {
	id := uuid.Must(uuid.NewV7())
	id[len(id)-1] &^= partBits
	return id
}

// NewOtherID returns a UUIDv7 that is not the id of an inline multiplication.
func NewOtherID() uuid.UUID {
	id := NewID()
	id[len(id)-1] |= 1
	return id
}

// Maybe reports whether a multiplication with an id may be inline.
func Maybe(id uuid.UUID) bool { return id[len(id)-1]&partBits == 0 }

// IDs returns the ids of multiplications.
func IDs(all []Multiplication) []uuid.UUID {
	ids := make([]uuid.UUID, len(all))
	for n, m := range all {
		ids[n] = m.ID
	}
	return ids
}

// Candidates returns those of the given multiplications that may be inline.
func Candidates(ids []uuid.UUID) []uuid.UUID {
	return slices.DeleteFunc(slices.Clone(ids), func(id uuid.UUID) bool { return !Maybe(id) })
}

// ID returns the id of a matrix of an inline multiplication.
func (p Part) ID(multiplication uuid.UUID) uuid.UUID {
	multiplication[len(multiplication)-1] |= byte(p)
	return multiplication
}

// Owner returns the id that the inline multiplication has which a matrix is part of, if there is one. It reports false
// for an id that is of no matrix of an inline multiplication.
func Owner(matrix uuid.UUID) (multiplication uuid.UUID, part Part, ok bool) {
	part = Part(matrix[len(matrix)-1] & partBits)
	matrix[len(matrix)-1] &^= partBits
	return matrix, part, part != 0
}

// Time returns when an inline multiplication was submitted: the time of its id, which has milliseconds.
func Time(id uuid.UUID) time.Time {
	return time.UnixMilli(int64(binary.BigEndian.Uint64(id[:8]) >> 16))
}

// FirstID returns an id that is not greater than any UUIDv7 of a time or later, and greater than those of earlier ones.
func FirstID(t time.Time) uuid.UUID {
	var id uuid.UUID
	if ms := t.UnixMilli(); ms > 0 {
		binary.BigEndian.PutUint64(id[:8], uint64(min(ms, 1<<48-1))<<16)
	}
	return id
}

// SinceID returns the first id of those that were submitted at a time or later.
func SinceID(t time.Time) uuid.UUID {
	first := FirstID(t)
	if t.After(Time(first)) { // an id has milliseconds
		return FirstID(t.Add(time.Millisecond))
	}
	return first
}

// Bound returns the id before which the inline multiplications are that come before another one in the order of times
// and ids.
func Bound(t time.Time, other uuid.UUID) uuid.UUID {
	low := FirstID(t)
	next := FirstID(t.Add(time.Millisecond))
	switch {
	case t.After(Time(low)): // those of the same millisecond are before it
		return next
	case Less(other, low):
		return low
	case Less(next, other):
		return next
	}
	return other
}

// Less is the order of ids.
func Less(x, y uuid.UUID) bool { return bytes.Compare(x[:], y[:]) < 0 }

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Checksum returns the checksum of operands or of a result.
func Checksum(content []byte) uint32 { return crc32.Checksum(content, castagnoli) }

// Shape returns the shape of a matrix of the multiplication.
func (m Multiplication) Shape(p Part) matrix.Shape {
	shape := func(rows, cols int64, dtype matrix.DType) matrix.Shape {
		return matrix.Shape{
			Rows:  rows,
			Cols:  cols,
			DType: dtype,
		}
	}
	switch p {
	case PartA:
		return shape(m.M, m.K, m.A)
	case PartB:
		return shape(m.K, m.N, m.B)
	}
	return shape(m.M, m.N, matrix.Promote(m.A, m.B))
}

// Content returns the elements of a matrix of the multiplication, nil for the result of one that is not completed.
// Errors: blocks.ErrDamaged.
func (m Multiplication) Content(p Part) ([]byte, error) {
	content, sum := m.Operands, m.Checksum
	a := m.Shape(PartA).Bytes()
	size := a + m.Shape(PartB).Bytes()
	if p == PartC {
		if m.Result == nil {
			return nil, nil
		}
		content, sum = m.Result, m.ResultChecksum
		size = m.Shape(PartC).Bytes()
	}
	if int64(len(content)) != size || Checksum(content) != sum {
		return nil, fmt.Errorf("matrix %s: %w: it differs from its checksum", p.ID(m.ID), blocks.ErrDamaged)
	}
	switch p {
	case PartA:
		return content[:a:a], nil
	case PartB:
		return content[a:], nil
	}
	return content, nil
}

// DType is the type of a matrix by the column that says whether it is float32.
func DType(float32 bool) matrix.DType {
	if float32 {
		return matrix.Float32
	}
	return matrix.Float64
}

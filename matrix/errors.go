package matrix

import "errors"

// The ways in which a user's matrix can be wrong. Every error that this package returns about a user's data wraps one
// of them, and its text says what is wrong and, where that helps, what to do.
var (
	// ErrMalformed: the bytes are not what they claim to be (bad magic, truncated, too long, not a number).
	ErrMalformed = errors.New("malformed matrix")
	// ErrUnsupported: well formed, but of a kind that Millrace does not multiply (object, structured, complex dtypes,
	// arrays that are not two-dimensional, integers that float64 cannot hold).
	ErrUnsupported = errors.New("unsupported matrix")
	// ErrShape: the shape is not possible, or the shapes of two operands do not fit together.
	ErrShape = errors.New("wrong shape")
	// ErrTooLarge: the matrix is larger than the caller allows.
	ErrTooLarge = errors.New("matrix too large")
)

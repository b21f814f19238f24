package matrix

import "errors"

// The ways in which a user's matrix can be wrong. Errors about a user's data wrap one of them, and their text says what
// is wrong and, where that helps, what to do.
var (
	// ErrMalformed means that the bytes are not what they claim to be: bad magic, truncated, too long, not a number.
	ErrMalformed = errors.New("malformed matrix")
	// ErrUnsupported means that the matrix is well formed, but of a kind that Millrace does not multiply: object,
	// structured and complex dtypes, arrays that are not two-dimensional, integers that float64 cannot hold.
	ErrUnsupported = errors.New("unsupported matrix")
	// ErrShape means that the shape is impossible, or that the shapes of two operands do not fit together.
	ErrShape = errors.New("wrong shape")
	// ErrTooLarge means that the matrix is larger than the caller allows.
	ErrTooLarge = errors.New("matrix too large")
)

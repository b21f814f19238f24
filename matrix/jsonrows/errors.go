package jsonrows

import (
	"errors"
	"fmt"
	"regexp"

	"github.com/millrace/millrace/matrix"
)

// maxToken is the longest string, number or white space that is read, in bytes.
const maxToken = 64 << 10

var (
	// ErrLongToken means that a string, a number or the white space between two tokens is longer than 64 KiB.
	ErrLongToken = fmt.Errorf("a JSON string, number or white space is longer than %d bytes", maxToken)
	// ErrDuplicateName means that an object has two members of the same name.
	ErrDuplicateName = errors.New("duplicate JSON member")
	// ErrNotFinite means that an element is NaN or infinite, which JSON cannot represent.
	ErrNotFinite = errors.New("JSON has no NaN and no infinity")
)

// notFinite matches the errors of jsontext for NaN, Infinity and -Infinity, as Python's json writes them.
var notFinite = regexp.MustCompile(`^invalid character '[NI]' `)

// noNaN is what is said about NaN and Infinity.
var noNaN = "; " + ErrNotFinite.Error() + ": send such a matrix as .npy"

// SyntaxError is the error for a text that is not JSON. It wraps matrix.ErrMalformed.
type SyntaxError struct{ text string }

// newSyntaxError describes what is wrong, and how many bytes into the text.
func newSyntaxError(what string, offset int64) SyntaxError {
	return SyntaxError{fmt.Sprintf("%s after offset %d", what, offset)}
}

func (e SyntaxError) Error() string { return "malformed JSON: " + e.text }

// Unwrap returns matrix.ErrMalformed.
func (SyntaxError) Unwrap() error { return matrix.ErrMalformed }

// Package usage has the errors that are mistakes in the command line, which have an exit code of their own.
package usage

import "fmt"

// Error is a mistake in the command line: a flag or an argument, or the file that it names.
type Error struct{ cause error }

// Error implements error.
func (e Error) Error() string { return e.cause.Error() }

// Unwrap returns the cause.
func (e Error) Unwrap() error { return e.cause }

// Errorf formats an Error as fmt.Errorf does.
func Errorf(format string, args ...any) error { return Error{cause: fmt.Errorf(format, args...)} }

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

// NotFound says that there is nothing of a name.
type NotFound struct{ Text string }

// Error implements error.
func (e NotFound) Error() string { return e.Text }

// ExitCodes is what the help of the client commands says about their exit codes.
const ExitCodes = `Exit codes: 0 success; 1 failure, also of the multiplication; ` +
	`2 a flag, an argument or a file is not valid; 3 the server is unreachable; 4 not found; ` +
	`5 the token is missing or refused; 6 the token does not allow it; 130 interrupted.`

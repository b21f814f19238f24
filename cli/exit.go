package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/millrace/millrace/client"
)

// The exit codes of every command.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitUnreachable = 3
	exitNotFound    = 4
	exitInterrupted = 130
)

// exitCodes is what the help of the client's commands says about them.
const exitCodes = `Exit codes: 0 done; 1 failed, also when the product has; 2 a flag or a file is not what it should be; ` +
	`3 the server cannot be reached; 4 there is no such product; 130 interrupted.`

// usageError is the fault of whoever typed the command.
type usageError struct{ error }

// Unwrap returns the cause.
func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// errInterrupted says that somebody has stopped the command, and has been told what that means.
var errInterrupted = errors.New("interrupted")

// exitCode returns the code that an error of a client's command stands for, and what to say about it.
func exitCode(ctx context.Context, err error) (int, string) {
	var unreachable *client.UnreachableError
	var answer *client.Error
	switch {
	case err == nil:
		return exitOK, ""
	case errors.Is(err, errInterrupted):
		return exitInterrupted, ""
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		return exitInterrupted, "interrupted"
	case errors.As(err, &usageError{}):
		return exitUsage, err.Error()
	case errors.As(err, &unreachable):
		return exitUnreachable, err.Error() + "; --server or MILLRACE_SERVER says where it is, \"millrace dev\" starts one here"
	case errors.As(err, &answer) && answer.Status == http.StatusNotFound:
		return exitNotFound, err.Error() + "; \"millrace list\" shows what there is"
	}
	return exitFailed, err.Error()
}

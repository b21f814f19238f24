package cli

import (
	"context"
	"errors"
	"net/http"

	"github.com/millrace/millrace/cli/usage"
	"github.com/millrace/millrace/client"
)

// The exit codes of the commands.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitUnreachable = 3
	exitNotFound    = 4
	exitNoToken     = 5
	exitForbidden   = 6
	exitInterrupted = 130
)

// errInterrupted says that a command was interrupted and has printed what follows from it.
var errInterrupted = errors.New("interrupted")

// exitCode returns the exit code for the error of a command, and the message to print.
func exitCode(ctx context.Context, err error) (int, string) {
	var unreachable *client.UnreachableError
	var response *client.Error
	var token *client.TokenError
	switch {
	case err == nil:
		return exitOK, ""
	case errors.Is(err, errInterrupted):
		return exitInterrupted, ""
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		return exitInterrupted, "interrupted"
	case errors.As(err, &usage.Error{}), errors.As(err, &token):
		return exitUsage, err.Error()
	case errors.As(err, &usage.NotFound{}):
		return exitNotFound, err.Error()
	case errors.As(err, &unreachable):
		return exitUnreachable, err.Error() +
			"; set --server or MILLRACE_SERVER to its address, or start one with \"millrace dev\""
	case errors.As(err, &response) && response.Status == http.StatusNotFound:
		return exitNotFound, err.Error()
	case errors.As(err, &response) && response.Status == http.StatusUnauthorized:
		return exitNoToken, err.Error() + "; --token-file, MILLRACE_TOKEN or a context gives the token"
	case errors.As(err, &response) && response.Status == http.StatusForbidden:
		return exitForbidden, err.Error()
	}
	return exitFailed, err.Error()
}

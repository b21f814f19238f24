package handlers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"

	"github.com/danielgtaylor/huma/v2"

	"github.com/millrace/millrace/handlers/auth"
	"github.com/millrace/millrace/handlers/download"
	"github.com/millrace/millrace/handlers/guard"
	"github.com/millrace/millrace/handlers/payload"
	"github.com/millrace/millrace/handlers/problem"
	"github.com/millrace/millrace/handlers/quotas"
	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/internal/told"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/jobs/admission"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/blocks"
	"github.com/millrace/millrace/store/objects"
	"github.com/millrace/millrace/store/outputs"
	"github.com/millrace/millrace/store/retention"
	"github.com/millrace/millrace/store/webhooks"
	"github.com/millrace/millrace/watch"
)

// errNoResult means that a multiplication has no result, or not yet.
var errNoResult = errors.New("it has no result")

// noResult says what would give a multiplication in a state a result.
func noResult(s jobs.State) error {
	if s == jobs.Failed || s == jobs.Cancelled {
		return fmt.Errorf("the multiplication is %s, %w; POST to its retry", s, errNoResult)
	}
	return fmt.Errorf("the multiplication is %s, %w yet; GET it with Prefer: wait=60, or follow its events",
		s, errNoResult)
}

// is returns what recognizes an error.
func is(target error) func(error) bool {
	return func(err error) bool { return errors.Is(err, target) }
}

// codes is the table from error to code, which has a status. The first match counts; other errors are internal.
var codes = []struct {
	matches func(error) bool
	code    problem.Code
}{
	{is(payload.ErrBadRequest), problem.BadRequest},
	{is(payload.ErrInvalid), problem.Invalid},
	{is(objects.ErrName), problem.Invalid},
	{is(objects.ErrNotAllowed), problem.NotAllowed},
	{is(objects.ErrMissing), problem.NoObject},
	{is(objects.ErrRefused), problem.Refused},
	{is(objects.ErrChanged), problem.Changed},
	{is(objects.ErrUnavailable), problem.NoStore},
	{is(payload.ErrKeyReused), problem.KeyReused},
	{is(payload.ErrTooLarge), problem.TooLarge},
	{is(payload.ErrEncoding), problem.Encoding},
	{is(payload.ErrMediaType), problem.MediaType},
	{is(download.ErrNotAccepted), problem.NotAcceptable},
	{is(errNoResult), problem.NotCompleted},
	{is(matrix.ErrMalformed), problem.Malformed},
	{is(matrix.ErrUnsupported), problem.Elements},
	{is(matrix.ErrShape), problem.Shape},
	{is(matrix.ErrTooLarge), problem.TooLarge},
	{is(retention.ErrBounds), problem.Invalid},
	{is(store.ErrNotFound), problem.NotFound},
	{is(store.ErrNotReady), problem.NotReady},
	{is(store.ErrBusy), problem.Busy},
	{is(guard.ErrWaiting), problem.Busy},
	{is(guard.ErrClientWaiting), problem.ManyOpen},
	{is(admission.ErrOverloaded), problem.Overloaded},
	{is(jobs.ErrInUse), problem.InUse},
	{is(store.ErrKeyUsed), problem.KeyTaken},
	{is(watch.ErrStopped), problem.Unavailable},
	{is(jobs.ErrOlderProcesses), problem.Updating},
	{is(retention.ErrUnknown), problem.Updating},
	{is(outputs.ErrUnknown), problem.Updating},
	{is(webhooks.ErrInvalid), problem.Invalid},
	{is(webhooks.ErrUnknown), problem.Invalid},
	{is(webhooks.ErrMany), problem.Conflict},
	{is(webhooks.ErrDisabled), problem.Conflict},
	{is(webhooks.ErrNotReplayed), problem.Conflict},
	{is(webhooks.ErrOlder), problem.Updating},
	{is(jobs.ErrFinished), problem.Finished},
	{is(jobs.ErrCompleted), problem.Finished},
	{is(jobs.ErrActive), problem.Active},
	{is(blocks.ErrDamaged), problem.Damaged},
	{is(blocks.ErrFull), problem.Full},
	{is(store.ErrNoSpace), problem.NoSpace},
	{is(os.ErrDeadlineExceeded), problem.Timeout},
	{quotas.Exceeded, problem.Quota},
	{identity.Refused, problem.InvalidToken},
	{store.Full, problem.Full},
	{store.Unavailable, problem.Unavailable},
}

// effects are what follows from errors beside a problem with their text, by code.
var effects = map[problem.Code]struct {
	reason  guard.Reason // that is counted and logged
	says    string       // instead of the text of the error
	hint    string       // after it
	respond func(err error, detail string) error
}{
	problem.NotFound:         {hint: "it was deleted or has expired, or no response had this id"},
	problem.NotReady:         {hint: "use it when its upload is complete"},
	problem.InUse:            {hint: "delete those first"},
	problem.KeyTaken:         {hint: "repeat the request for the response of the other one"},
	problem.Encoding:         {respond: identityOnly},
	problem.InvalidToken:     {respond: func(err error, _ string) error { return auth.Problem(err) }},
	problem.Quota:            {respond: func(err error, _ string) error { return quotas.Problem(err) }},
	problem.Overloaded:       {reason: guard.Backlog, respond: overloaded},
	problem.Busy:             {reason: guard.Memory},
	problem.NoSpace:          {reason: guard.Space},
	problem.Full:             {reason: guard.Space, says: "the block store is full, try again later"},
	problem.Unavailable:      {reason: guard.Database, says: "database or block store are not available, try again later"},
	problem.RequestCancelled: {says: "the request was cancelled"},
	problem.Internal:         {says: "internal error, see the log of the API"},
}

// fail returns the error that Huma responds with. What is an error of the service is logged.
func (a *API) fail(ctx context.Context, err error) error {
	code := problem.Internal
	for _, c := range codes {
		if c.matches(err) {
			code = c.code
			break
		}
	}
	if (code == problem.Internal || code == problem.Unavailable) && errors.Is(ctx.Err(), context.Canceled) {
		code = problem.RequestCancelled // the client is gone
	}
	effect := effects[code]
	if reason := cmp.Or(effect.reason, quotas.Reason(err)); reason != "" {
		a.refusals.Note(ctx, reason, "error", err)
	}
	if code.Status() == http.StatusInternalServerError {
		a.log.ErrorContext(ctx, "request failed", "error", err)
	}
	detail := cmp.Or(effect.says, told.ForClients(err).Error())
	if effect.hint != "" {
		detail += "; " + effect.hint
	}
	switch {
	case effect.respond != nil:
		return effect.respond(err, detail)
	case code.Retry() != "":
		return problem.Retryable(code, detail)
	}
	return problem.New(code, detail)
}

// identityOnly responds to a body in an encoding that is not supported.
func identityOnly(_ error, detail string) error {
	return huma.ErrorWithHeaders(problem.New(problem.Encoding, detail), http.Header{"Accept-Encoding": {"identity"}})
}

// overloaded says when so much is queued no more.
func overloaded(err error, detail string) error {
	var overload admission.OverloadError
	if errors.As(err, &overload) {
		return problem.After(problem.New(problem.Overloaded, detail), overload.RetryAfter)
	}
	return problem.Retryable(problem.Overloaded, detail)
}

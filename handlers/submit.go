package handlers

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/millrace/millrace/handlers/payload"
	"github.com/millrace/millrace/handlers/resource"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/store"
)

// acceptedOutput is the answer to a submission.
type acceptedOutput struct {
	Status            int
	Location          string `header:"Location"`
	PreferenceApplied string `header:"Preference-Applied"`
	Replayed
	Body rendered[resource.Multiplication]
}

// submitInput is the request for a product.
type submitInput struct {
	StreamedBody
	Waiting
}

// Resolve implements huma.Resolver.
func (in *submitInput) Resolve(ctx huma.Context) []error {
	return append(in.StreamedBody.Resolve(ctx), in.Waiting.Resolve(ctx)...)
}

// submit answers POST /v1/multiplications.
func (a *API) submit(ctx context.Context, in *submitInput) (*acceptedOutput, error) {
	r, err := in.request(mediaJSON, mediaMultipart)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	answer, err := a.accept(ctx, r, payload.ReadOrder)
	return a.accepted(ctx, in.Waiting, answer, err)
}

// submitSimple answers POST /matrix_multiplication/.
func (a *API) submitSimple(ctx context.Context, in *submitInput) (*acceptedOutput, error) {
	r, err := in.request(mediaJSON)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	answer, err := a.accept(ctx, r, payload.ReadSimpleOrder)
	return a.accepted(ctx, in.Waiting, answer, err)
}

// accepted is the answer to a submission as it is sent: at once, or when the product has ended.
func (a *API) accepted(ctx context.Context, w Waiting, answer reply, err error) (*acceptedOutput, error) {
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	out := &acceptedOutput{
		Status: answer.status, Location: answer.location, Replayed: answer.header(),
		Body: rendered[resource.Multiplication]{text: answer.body},
	}
	a.awaitAccepted(ctx, w, out)
	return out, nil
}

// readOrder reads a submission, as payload.ReadOrder does.
type readOrder func(context.Context, *payload.Body, *payload.Intake) (jobs.Submission, error)

// accept reads a submission, queues it, and returns the answer. If anything is wrong, nothing of it stays.
func (a *API) accept(ctx context.Context, r request, read readOrder) (reply, error) {
	intake := payload.NewIntake(a.store, a.limits.MaxMatrixBytes)
	var s jobs.Submission
	answer, err := a.once(ctx, r, func() (err error) {
		s, err = read(ctx, r.body, intake)
		return err
	}, func(keep keepTx) error {
		s.MaxBytes, s.AnswerTx = a.limits.MaxMatrixBytes, a.showTx(http.StatusAccepted, keep)
		_, err := a.jobs.Submit(ctx, s)
		return err
	})
	a.finish(ctx, intake, err == nil && !answer.replayed)
	return answer, err
}

// finish keeps the matrices of a request that was accepted, and discards those of any other.
func (a *API) finish(ctx context.Context, intake *payload.Intake, accepted bool) {
	end := intake.Discard
	if accepted {
		end = intake.Keep
	}
	if err := end(); err != nil {
		a.log.WarnContext(ctx, "deleting what a request does not need", "error", err)
	}
}

// showTx answers with a multiplication as the transaction leaves it.
func (a *API) showTx(status int, keep keepTx) jobs.AnswerTx {
	return func(ctx context.Context, q *store.Queries, s store.Status) error {
		answer, err := newReply(status, multiplicationPath(s.Multiplication.ID), a.multiplicationBody(s))
		if err != nil {
			return err
		}
		return keep(ctx, q, answer)
	}
}

package handlers

import (
	"context"
	"errors"
	"net/http"
	"path"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/millrace/millrace/handlers/payload"
	"github.com/millrace/millrace/handlers/resource"
	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/inline"
)

// submitInput is the request for a multiplication.
type submitInput struct {
	StreamedBody
	Waiting
}

// Resolve implements huma.Resolver.
func (in *submitInput) Resolve(ctx huma.Context) []error {
	return append(in.StreamedBody.Resolve(ctx), in.Waiting.Resolve(ctx)...)
}

// acceptedOutput is the response to a submission.
type acceptedOutput struct {
	Status            int
	Location          string `header:"Location"`
	PreferenceApplied string `header:"Preference-Applied"`
	Replayed
	Body rendered[resource.Multiplication]
}

// submit handles POST /v1/multiplications.
func (a *API) submit(ctx context.Context, in *submitInput) (*acceptedOutput, error) {
	r, err := in.request(resource.MediaJSON, resource.MediaMultipart)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	r.waits = in.asked
	resp, err := a.accept(ctx, r, payload.ReadOrder)
	return a.accepted(ctx, in.Waiting, resp, err)
}

// submitSimple handles POST /matrix_multiplication/.
func (a *API) submitSimple(ctx context.Context, in *submitInput) (*acceptedOutput, error) {
	r, err := in.request(resource.MediaJSON)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	r.waits = in.asked
	resp, err := a.accept(ctx, r, payload.ReadSimpleOrder)
	return a.accepted(ctx, in.Waiting, resp, err)
}

// readOrder reads a submission, as payload.ReadOrder does.
type readOrder func(context.Context, *payload.Body, *payload.Intake) (jobs.Submission, error)

// accept reads a submission and submits it. If anything is wrong, nothing of it stays.
func (a *API) accept(ctx context.Context, r request, read readOrder) (*response, error) {
	if r.key == "" { // one with a key may have been accepted before
		if err := a.jobs.AdmitAny(identity.From(ctx).Tenant); err != nil {
			return nil, err
		}
	}
	release, err := r.body.Reserve(ctx, a.store)
	if err != nil {
		return nil, err
	}
	defer release()
	if first, err := a.replay(ctx, r); first != nil || err != nil {
		return first, err
	}
	intake := a.newIntake(ctx)
	defer a.discard(ctx, intake)
	order, err := read(ctx, r.body, intake)
	if err != nil {
		return nil, err
	}
	order.MaxBytes = a.limits.MaxMatrixBytes
	order.Own = a.ownPriorities(ctx)
	resp, err := a.submitOrder(ctx, r, order)
	if err != nil {
		return a.recover(ctx, r, err)
	}
	a.keep(ctx, intake)
	return resp, nil
}

// ownPriorities reports whether priorities of a request count among the multiplications of its tenant only.
func (a *API) ownPriorities(ctx context.Context) bool {
	return !a.limits.GlobalPriorities && !identity.From(ctx).May(identity.ScopeAdmin)
}

// submitOrder submits a multiplication and saves the response in one transaction.
func (a *API) submitOrder(ctx context.Context, r request, order jobs.Submission) (*response, error) {
	i, m, ok, err := a.jobs.Inline(identity.From(ctx).Tenant, order)
	if err != nil {
		return nil, err
	}
	if ok {
		resp, err := a.submitInline(ctx, r, i, m)
		if !errors.Is(err, jobs.ErrNotInline) {
			return resp, err
		}
	}
	return a.submitTiles(ctx, r, order)
}

// acceptance renders the response to the submission of a multiplication.
func (a *API) acceptance(ctx context.Context, m jobs.Multiplication) (*response, error) {
	body := a.multiplicationBody(ctx, m)
	return newResponse(http.StatusAccepted, body.Links.Self, &body)
}

// submitInline submits an inline multiplication.
func (a *API) submitInline(
	ctx context.Context, r request, i inline.Multiplication, m jobs.Multiplication,
) (*response, error) {
	resp, err := a.acceptance(ctx, m)
	if err != nil {
		return nil, err
	}
	return resp, a.jobs.Accept(ctx, queue.Offer{
		Multiplication: i,
		Key:            savedResponse(i.TenantID, r, resp),
		Waits:          r.waits,
	})[0]
}

func (a *API) submitTiles(ctx context.Context, r request, order jobs.Submission) (resp *response, err error) {
	if err := a.jobs.Admit(identity.From(ctx).Tenant, order); err != nil {
		return nil, err
	}
	err = a.own(ctx).InTx(ctx, func(tx *store.TenantTx) error {
		m, err := a.jobs.SubmitTx(ctx, tx, order)
		if err != nil {
			return err
		}
		resp, err = a.acceptance(ctx, m)
		if err != nil {
			return err
		}
		resp.final = m.State.Final()
		return saveTx(ctx, tx, r, resp)
	})
	return resp, err
}

// accepted returns the response to a submission as it is sent: at once or, if the client asks for it, after a wait.
func (a *API) accepted(ctx context.Context, w Waiting, resp *response, err error) (*acceptedOutput, error) {
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	out := &acceptedOutput{
		Status:   resp.status,
		Location: resp.location,
		Replayed: resp.header(),
		Body:     rendered[resource.Multiplication]{text: resp.body},
	}
	if w.asked {
		by := a.hub.WaitAccepted
		if resp.replayed || resp.final {
			by = a.hub.Wait
		}
		a.waitAccepted(ctx, by, w, out)
	}
	return out, nil
}

// waitAccepted waits until the multiplication has finished, and updates the response to its submission. If the wait
// fails, the response stays as it was: the multiplication has been accepted.
func (a *API) waitAccepted(ctx context.Context, by hubWait, w Waiting, out *acceptedOutput) {
	id, err := uuid.Parse(path.Base(out.Location)) // a repeated request has a location, too
	if err != nil {
		return
	}
	v, err := a.waitBy(ctx, by, id, w)
	if err != nil {
		return
	}
	out.Body = render(v.body)
	out.PreferenceApplied = w.applied()
	if v.final {
		out.Status = http.StatusOK
	}
}

// keep keeps the matrices of a request that was accepted.
func (a *API) keep(ctx context.Context, intake *payload.Intake) {
	if err := intake.Keep(); err != nil {
		a.log.WarnContext(ctx, "deleting the copies of stored contents", "error", err)
	}
}

// discard deletes the matrices of a request, unless they are kept.
func (a *API) discard(ctx context.Context, intake *payload.Intake) {
	if err := intake.Discard(); err != nil {
		a.log.WarnContext(ctx, "deleting the matrices of a request that was not accepted", "error", err)
	}
}

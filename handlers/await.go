package handlers

import (
	"context"
	"net/http"
	"path"

	"github.com/google/uuid"

	"github.com/millrace/millrace/handlers/resource"
	"github.com/millrace/millrace/matrix/jsonrows"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/watch"
)

// outcome is what all get who wait for one product: made once.
type outcome struct {
	body resource.Multiplication
	etag string
	err  error
}

// await returns the state of a product as soon as it has ended, or when the time is over that the client wants to wait.
func (a *API) await(ctx context.Context, id uuid.UUID, w Waiting) (outcome, error) {
	found, err := a.hub.Await(ctx, id, w.limit)
	if err != nil {
		return outcome{}, err
	}
	o := found.Render(func(found *watch.Outcome) any { return a.newOutcome(found) }).(outcome)
	return o, o.err
}

// present returns the state of a product as it is now.
func (a *API) present(ctx context.Context, id uuid.UUID) (o outcome, err error) {
	status, err := a.store.Status(ctx, id)
	if err != nil {
		return outcome{}, err
	}
	o.body = a.multiplicationBody(status)
	o.etag, err = entityTag(o.body)
	return o, err
}

func (a *API) newOutcome(found *watch.Outcome) (o outcome) {
	o.body = a.multiplicationBody(found.Status)
	if o.body.Result != nil {
		o.body.Result.Values = newRows(found)
	}
	o.etag, o.err = entityTag(o.body)
	return o
}

// newRows returns the numbers of a completed product as JSON; nothing if it is not small, or has numbers without that form.
func newRows(found *watch.Outcome) resource.Rows {
	shape := found.Multiplication.ResultShape()
	if shape.Bytes() > store.MaxInline || shape.Bytes() != int64(len(found.Content)) || shape.Rows > store.MaxInline {
		return nil
	}
	rows, err := jsonrows.AppendRows(nil, shape, found.Content)
	if err != nil {
		return nil
	}
	return rows
}

// awaitAccepted lets the answer to a submission wait, if the client wants that. Whatever happens while it does, the product
// has been accepted.
func (a *API) awaitAccepted(ctx context.Context, w Waiting, out *acceptedOutput) {
	if !w.asked {
		return
	}
	id, err := uuid.Parse(path.Base(out.Location)) // of a repeated request, too
	if err != nil {
		return
	}
	o, err := a.await(ctx, id, w)
	if err != nil {
		return
	}
	out.Body, out.PreferenceApplied = render(o.body), w.applied()
	if store.State(o.body.State).Final() {
		out.Status = http.StatusOK
	}
}

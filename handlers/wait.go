package handlers

import (
	"context"

	"github.com/google/uuid"

	"github.com/millrace/millrace/handlers/resource"
)

// view is a multiplication as it is sent.
type view struct {
	body  resource.Multiplication
	etag  string
	final bool // it has finished
}

// present returns a multiplication as it is now.
func (a *API) present(ctx context.Context, id uuid.UUID) (view, error) {
	m, err := a.jobs.Get(ctx, id)
	if err != nil {
		return view{}, err
	}
	return newView(a.multiplicationBody(m), m.State.Final())
}

// wait returns a multiplication as soon as it has finished, or when the client has waited as long as it wants to. It has the result in it
// if that is small.
func (a *API) wait(ctx context.Context, id uuid.UUID, w Waiting) (view, error) {
	if err := a.hub.Wait(ctx, id, w.limit); err != nil {
		return view{}, err
	}
	return a.views.get(ctx, id)
}

func newView(body resource.Multiplication, final bool) (view, error) {
	etag, err := entityTag(body)
	return view{body: body, etag: etag, final: final}, err
}

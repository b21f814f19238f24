package auth

import (
	"context"
	"errors"
	"time"

	"github.com/millrace/millrace/handlers/apidoc"
	"github.com/millrace/millrace/handlers/problem"
	"github.com/millrace/millrace/handlers/resource"
	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/store/keys"
)

// KeyLife is how long a key is valid, unless it is made for another time.
const KeyLife = 90 * 24 * time.Hour

// CreateKeyInput is the request for a key.
type CreateKeyInput struct {
	Body resource.KeyOrder
}

// CreateKeyOutput is the response with a new key.
type CreateKeyOutput struct {
	Location string `header:"Location"`
	Body     resource.NewKey
}

// CreateKey handles POST /v1/keys.
func (a *Auth) CreateKey(ctx context.Context, in *CreateKeyInput) (*CreateKeyOutput, error) {
	order := keys.Order{Tenant: in.Body.Tenant, Name: in.Body.Name}
	for _, s := range in.Body.Scopes {
		order.Scopes = append(order.Scopes, identity.Scope(s))
	}
	life := KeyLife
	if in.Body.ExpiresIn != nil {
		life = time.Duration(*in.Body.ExpiresIn) * time.Second
	}
	if life > 0 {
		order.Expires = time.Now().Add(life)
	}
	if order.Tenant == "" {
		var err error
		if order.Tenant, err = a.Keys.TenantName(ctx, identity.From(ctx).Tenant); err != nil {
			return nil, err
		}
	}
	key, token, err := a.Keys.Create(ctx, order)
	if errors.Is(err, keys.ErrInvalid) || errors.Is(err, keys.ErrNoTenant) {
		return nil, problem.New(problem.InvalidKey, err.Error())
	}
	if err != nil {
		return nil, err
	}
	return &CreateKeyOutput{
		Location: apidoc.KeysPath + "/" + key.ID,
		Body:     resource.NewKey{Key: newKey(key, time.Now()), Token: token},
	}, nil
}

// ListKeysInput is the request for a list of keys.
type ListKeysInput struct {
	Tenant string `query:"tenant" pattern:"^[a-z0-9][a-z0-9-]*$" maxLength:"63" example:"default" doc:"Only the keys of this tenant"`
}

// ListKeysOutput is a list of keys.
type ListKeysOutput struct {
	Body resource.KeyList
}

// ListKeys handles GET /v1/keys.
func (a *Auth) ListKeys(ctx context.Context, in *ListKeysInput) (*ListKeysOutput, error) {
	list, err := a.Keys.List(ctx, in.Tenant)
	if err != nil {
		return nil, err
	}
	out := &ListKeysOutput{Body: resource.KeyList{Items: make([]resource.Key, len(list))}}
	now := time.Now()
	for i, key := range list {
		out.Body.Items[i] = newKey(key, now)
	}
	return out, nil
}

// RevokeKeyInput is the request to revoke a key.
type RevokeKeyInput struct {
	ID string `path:"id"`
}

// RevokeKey handles DELETE /v1/keys/{id}.
func (a *Auth) RevokeKey(ctx context.Context, in *RevokeKeyInput) (*struct{}, error) {
	err := a.Keys.Revoke(ctx, in.ID)
	if errors.Is(err, keys.ErrNotFound) {
		return nil, problem.New(problem.NotFound, err.Error()+"; GET "+apidoc.KeysPath+" lists those that there are")
	}
	if err == nil && a.On() {
		a.Verifier.Forget(in.ID)
	}
	return nil, err
}

// newKey returns the JSON form of a key.
func newKey(k keys.Key, now time.Time) resource.Key {
	body := resource.Key{
		ID:         k.ID,
		Name:       k.Name,
		Tenant:     k.Tenant,
		Scopes:     scopeNames(k.Scopes),
		State:      k.State(now),
		CreatedAt:  k.Created.UTC(),
		ExpiresAt:  resource.UTC(k.Expires),
		RevokedAt:  resource.UTC(k.Revoked),
		LastUsedAt: resource.UTC(k.LastUsed),
	}
	return body
}

package server

import (
	"context"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/identity/oidc"
	"github.com/millrace/millrace/store/tenants"
)

// tokens returns what verifies the tokens of the issuer that the configuration names, or nil. It does not connect: a
// process starts although the issuer is unreachable.
func (p *Process) tokens() identity.Verifier {
	if !p.config.OIDC.Given() {
		return nil
	}
	byName := func(ctx context.Context, name string) (identity.TenantID, error) {
		return tenants.ByName(ctx, p.pool, name)
	}
	return oidc.New(p.config.OIDC, byName, nil, p.log)
}

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
	return oidc.New(p.config.OIDC, p.tenantNamed, nil, p.log)
}

// tenantNamed returns the number of the tenant with a name, 0 if there is none.
func (p *Process) tenantNamed(ctx context.Context, name string) (identity.TenantID, error) {
	return tenants.ByName(ctx, p.pool, name)
}

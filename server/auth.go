package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"

	"github.com/millrace/millrace/handlers/auth"
	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/identity/oidc"
	"github.com/millrace/millrace/store/keys"
	"github.com/millrace/millrace/store/tenants"
	"github.com/millrace/millrace/watch/notify"
)

// Access says whether requests to the API need a key.
type Access struct {
	Auth           bool `help:"Require a key also where --addr is a loopback address. Elsewhere, and with --oidc-issuer, keys or tokens are required anyway."`
	InsecureNoAuth bool `help:"Require no key, whatever --addr is: whoever reaches the API may do everything. Only where something else protects it."`
}

// errNoKey means that the API would need keys, and that there are none.
var errNoKey = errors.New("there is no valid key")

// required reports whether requests to a listener need a key, or a token of the issuer if there is one.
func (a Access) required(addr net.Addr, issuer bool) bool {
	tcp, ok := addr.(*net.TCPAddr)
	local := ok && tcp.IP.IsLoopback()
	return a.Auth || !a.InsecureNoAuth && (issuer || !local)
}

// keyring is what the verifier of keys does beside requests.
type keyring struct {
	cancel context.CancelFunc
	upkeep sync.WaitGroup
}

// startAuth returns what identifies the requests to a listener. It waits for the first key. Errors: errNoKey, with
// what to do.
func (p *Process) startAuth(ctx context.Context, addr net.Addr) (*auth.Auth, error) {
	config := auth.Config{
		Keys:     keys.Open(p.pool),
		Tokens:   p.tokens(),
		Proxies:  p.config.Clients.TrustedProxies,
		Refusals: p.refusals,
	}
	if !p.config.Access.required(addr, config.Tokens != nil) {
		if p.config.Access.InsecureNoAuth {
			p.log.WarnContext(ctx, "authentication is off: whoever reaches the API may do everything", "addr", addr)
		}
		return auth.New(config), nil
	}
	err := whileUnavailable(ctx, p.config.Wait, p.log, func(ctx context.Context) error {
		usable, err := config.Keys.Usable(ctx)
		if err == nil && !usable && config.Tokens == nil {
			err = fmt.Errorf("%w, and nothing could be done at %s. Make one in this database, with "+
				"`millrace keys create --name=admin --scopes=admin`. Without keys the API listens on a loopback address only "+
				"(--addr=127.0.0.1:8080), or anywhere with --insecure-no-auth, if something else protects it", errNoKey, addr)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	config.Verifier = keys.NewVerifier(config.Keys, p.log)
	p.keyring = startKeyring(config.Verifier)
	p.hub.Also(notify.Channel{Name: keys.Channel}, func(n notify.Notification) {
		if n.Connected { // revocations may have been missed
			config.Verifier.ForgetAll()
			return
		}
		config.Verifier.Forget(n.Payload)
	})
	return auth.New(config), nil
}

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

// startKeyring has the verifier write when keys were used, until stop.
func startKeyring(v *keys.Verifier) *keyring {
	ctx, cancel := context.WithCancel(context.Background())
	k := &keyring{cancel: cancel}
	k.upkeep.Go(func() { v.Run(ctx) })
	return k
}

func (k *keyring) stop() {
	k.cancel()
	k.upkeep.Wait() //house:ignore bound its context was cancelled
}

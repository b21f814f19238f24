package server

import (
	"bytes"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/millrace/millrace/handlers/guard"
	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/identity/oidc"
	"github.com/millrace/millrace/internal/testdb"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/keys"
	"github.com/millrace/millrace/store/tenants"
	"github.com/millrace/millrace/watch"
)

// TestRequired: requests need a key wherever other machines may send them, and for the tokens of an issuer, unless it was
// turned off; where only this machine does, if it was asked for.
func TestRequired(t *testing.T) {
	t.Parallel()
	local := &net.TCPAddr{IP: net.IPv6loopback}
	far := &net.TCPAddr{IP: net.IPv4(10, 1, 2, 3)}
	for _, test := range []struct {
		access Access
		addr   net.Addr
		issuer bool
		want   bool
	}{
		{Access{}, local, false, false},
		{Access{}, local, true, true},
		{Access{}, far, false, true},
		{Access{}, &net.TCPAddr{IP: net.IPv4zero}, false, true},
		{Access{}, &net.UnixAddr{Name: "socket"}, false, true},
		{Access{Auth: true}, local, false, true},
		{Access{Auth: true, InsecureNoAuth: true}, local, false, true},
		{Access{InsecureNoAuth: true}, local, true, false},
		{Access{InsecureNoAuth: true}, far, true, false},
	} {
		if got := test.access.required(test.addr, test.issuer); got != test.want {
			t.Errorf("%+v at %v with an issuer %t: got %t, want %t", test.access, test.addr, test.issuer, got, test.want)
		}
	}
}

// withPool returns a process that has not started, and what it logs.
func withPool(t *testing.T, pool *pgxpool.Pool) (*Process, *bytes.Buffer) {
	t.Helper()
	var lines bytes.Buffer
	log := slog.New(slog.NewTextHandler(&lines, nil))
	return &Process{
		log:      log,
		pool:     pool,
		hub:      watch.NewHub(&store.Store{Pool: pool}, log),
		refusals: guard.NewRefusals(prometheus.NewRegistry(), log),
	}, &lines
}

// TestStartAuth: an API that others reach starts with a key that is valid, or an issuer; one without says what to do.
func TestStartAuth(t *testing.T) {
	t.Parallel()
	pool := testdb.New(t)
	far := &net.TCPAddr{IP: net.IPv4(10, 1, 2, 3)}
	local := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}
	begin := func(addr net.Addr, change func(*Config)) (needsKey bool, logged string, err error) {
		p, lines := withPool(t, pool)
		change(&p.config)
		_, err = p.startAuth(t.Context(), addr)
		if p.keyring != nil {
			p.keyring.stop()
		}
		return p.keyring != nil, lines.String(), err
	}
	asItIs := func(*Config) {}
	if _, _, err := begin(far, asItIs); !errors.Is(err, errNoKey) || !strings.Contains(err.Error(), "millrace keys create") {
		t.Errorf("without a key: %v, want %v, and what to do", err, errNoKey)
	}
	if needsKey, logged, err := begin(local, asItIs); needsKey || logged != "" || err != nil {
		t.Errorf("for this machine only: a key is needed %t, %v, %s, want none", needsKey, err, logged)
	}
	needsKey, logged, err := begin(far, func(c *Config) { c.Access.InsecureNoAuth = true })
	if needsKey || err != nil || !strings.Contains(logged, "authentication is off") {
		t.Errorf("turned off: a key is needed %t, %v, %q, want a warning", needsKey, err, logged)
	}
	if needsKey, _, err := begin(far, func(c *Config) { c.OIDC.OIDCIssuer = "https://127.0.0.1:1" }); !needsKey || err != nil {
		t.Errorf("with an issuer: %t, %v, want keys or tokens to be needed", needsKey, err)
	}
	order := KeyOrder{
		Tenant:  "default",
		Name:    "admin",
		Scopes:  []identity.Scope{identity.ScopeAdmin},
		Expires: time.Now().Add(time.Hour),
	}
	if _, _, err := keys.Open(pool).Create(t.Context(), order); err != nil {
		t.Fatal(err)
	}
	if needsKey, _, err := begin(far, asItIs); !needsKey || err != nil {
		t.Errorf("with a key: %t, %v, want it to be needed", needsKey, err)
	}
	if _, err := pool.Exec(t.Context(), "UPDATE api_keys SET expires_at = now() - interval '1 s'"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := begin(far, asItIs); !errors.Is(err, errNoKey) {
		t.Errorf("with a key that has expired: %v, want %v", err, errNoKey)
	}
	pool.Close()
	if _, _, err := begin(far, asItIs); err == nil || errors.Is(err, errNoKey) {
		t.Errorf("without a database: %v, want another error than %v", err, errNoKey)
	}
}

// TestTokensNeedTenants: the tenant of a token is looked up in the database.
func TestTokensNeedTenants(t *testing.T) {
	t.Parallel()
	p, _ := withPool(t, testdb.New(t))
	for name, want := range map[string]identity.TenantID{"default": identity.DefaultTenant, "nothing": 0} {
		if got, err := p.tenantNamed(t.Context(), name); got != want || err != nil {
			t.Errorf("tenant %s: %d, %v, want %d", name, got, err, want)
		}
	}
	p.config.OIDC = oidc.Settings{}
	if p.tokens() != nil {
		t.Error("without an issuer there is a verifier of its tokens")
	}
}

// TestKeysByCommand: keys are made, listed and revoked in a migrated database; tenants are made for them if that is
// asked for.
func TestKeysByCommand(t *testing.T) {
	t.Parallel()
	pool := testdb.New(t)
	d := Database{DatabaseURL: testdb.URL(pool)}
	ctx := t.Context()
	order := KeyOrder{
		Tenant: "physics",
		Name:   "robot",
		Scopes: []identity.Scope{identity.ScopeRead},
	}
	if _, _, err := CreateKey(ctx, d, order, false); !errors.Is(err, keys.ErrNoTenant) {
		t.Errorf("a key for a tenant that is not there: %v, want %v", err, keys.ErrNoTenant)
	}
	key, token, err := CreateKey(ctx, d, order, true)
	if err != nil || key.Tenant != "physics" || key.Name != "robot" {
		t.Fatalf("CreateKey() = %+v, %v, want the key of robot in physics", key, err)
	}
	if p, err := keys.NewVerifier(keys.Open(pool), slog.New(slog.DiscardHandler)).Verify(ctx, token); err != nil || p.Name != "robot" {
		t.Errorf("its token is for %+v, %v, want robot", p, err)
	}
	order.Tenant = "Not a name"
	if _, _, err := CreateKey(ctx, d, order, true); !errors.Is(err, keys.ErrInvalid) {
		t.Errorf("a tenant that cannot be named so: %v, want %v", err, keys.ErrInvalid)
	}
	for tenant, want := range map[string]int{"": 1, "physics": 1, "default": 0} {
		if list, err := ListKeys(ctx, d, tenant); err != nil || len(list) != want {
			t.Errorf("ListKeys(%q) = %v, %v, want %d", tenant, list, err, want)
		}
	}
	if err := RevokeKey(ctx, d, key.ID); err != nil {
		t.Fatal(err)
	}
	if list, err := ListKeys(ctx, d, ""); err != nil || len(list) != 1 || list[0].Revoked == nil {
		t.Errorf("ListKeys() = %+v, %v, want the key revoked", list, err)
	}
	if made, err := SetTenant(ctx, d, "chemistry", TenantChange{Weight: 2}); err != nil || !made {
		t.Errorf("SetTenant() = %t, %v, want a new one", made, err)
	}
	all, err := Tenants(ctx, d)
	heavy := func(tenant tenants.Tenant) bool { return tenant.Name == "chemistry" && tenant.Weight == 2 }
	if err != nil || !slices.ContainsFunc(all, heavy) {
		t.Errorf("Tenants() = %+v, %v, want chemistry with weight 2", all, err)
	}
}

// TestCommandsNeedDatabase: what is done in the database by a command fails when it is not there, not migrated, or
// broken.
func TestCommandsNeedDatabase(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	empty := testdb.URL(testdb.NewEmpty(t))
	broken := testdb.New(t)
	if _, err := broken.Exec(ctx, "DROP TABLE api_keys, tenants CASCADE"); err != nil {
		t.Fatal(err)
	}
	for name, command := range map[string]func(Database) error{
		"CreateKey": func(d Database) error { _, _, err := CreateKey(ctx, d, KeyOrder{Tenant: "a"}, true); return err },
		"ListKeys":  func(d Database) error { _, err := ListKeys(ctx, d, ""); return err },
		"RevokeKey": func(d Database) error { return RevokeKey(ctx, d, "none") },
		"SetTenant": func(d Database) error { _, err := SetTenant(ctx, d, "a", TenantChange{}); return err },
		"Tenants":   func(d Database) error { _, err := Tenants(ctx, d); return err },
	} {
		for url, want := range map[string]string{
			empty:              "millrace migrate",
			testdb.URL(broken): "does not exist",
			"postgres://a:b:c": "connection",
		} {
			if err := command(Database{DatabaseURL: url}); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s at %s: %v, want an error about %s", name, url, err, want)
			}
		}
	}
}

// TestOpsHandler: a process lives from its first moment on, and is ready when it has started and its database takes
// writes, until it stops.
func TestOpsHandler(t *testing.T) {
	t.Parallel()
	pool := testdb.New(t)
	d := newDraining()
	ready := newReadiness(pool, d)
	defer ready.stop()
	profiles := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("a profile")) })
	handler := opsHandler(ready, prometheus.NewRegistry(), d, profiles)
	want := func(when, path string, status int, text string) {
		t.Helper()
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		if w.Code != status || !strings.Contains(w.Body.String(), text) {
			t.Errorf("%s, %s: %d %q, want %d %q", when, path, w.Code, w.Body, status, text)
		}
	}
	want("at the start", "/livez", http.StatusOK, "ok\n")
	want("at the start", "/metrics", http.StatusOK, "")
	want("at the start", "/debug/pprof/heap", http.StatusOK, "a profile")
	want("at the start", "/readyz?exclude=database", http.StatusServiceUnavailable, errStarting.Error())
	ready.start(nil, API)
	want("when it has started", "/readyz", http.StatusOK, "ok\n")
	ready.at = time.Now()
	ready.err = errUnavailable
	want("without its database", "/readyz", http.StatusServiceUnavailable, errUnavailable.Error())
	want("without its database", "/readyz?exclude=database", http.StatusOK, "ok\n")
	d.begun.Store(true)
	want("when it stops", "/readyz?exclude=database", http.StatusServiceUnavailable, errStopping.Error())
	want("when it stops", "/livez", http.StatusOK, "ok\n")
}

// TestProfilesNeedKey: profiles that others reach need the key of an administrator, which is looked at anew each time.
func TestProfilesNeedKey(t *testing.T) {
	t.Parallel()
	p, _ := withPool(t, testdb.New(t))
	all := keys.Open(p.pool)
	far := p.profiles(&net.TCPAddr{IP: net.IPv4(10, 1, 2, 3)})
	want := func(profiles http.Handler, token string, status int) {
		t.Helper()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/debug/pprof/heap", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		profiles.ServeHTTP(w, r)
		if w.Code != status {
			t.Errorf("profiles for %.6q: %d, want %d", token, w.Code, status)
		}
	}
	want(p.profiles(&net.TCPAddr{IP: net.IPv6loopback}), "", http.StatusOK)
	want(far, "", http.StatusUnauthorized)
	for scope, status := range map[identity.Scope]int{
		identity.ScopeAdmin: http.StatusOK,
		identity.ScopeRead:  http.StatusForbidden,
	} {
		key, token, err := all.Create(t.Context(), KeyOrder{
			Tenant: "default",
			Name:   "operator",
			Scopes: []identity.Scope{scope},
		})
		if err != nil {
			t.Fatal(err)
		}
		want(far, token, status)
		if err := all.Revoke(t.Context(), key.ID); err != nil {
			t.Fatal(err)
		}
		want(far, token, http.StatusUnauthorized)
	}
}

package cli_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/millrace/millrace/internal/testtls"
)

// tokenIssuer is an issuer of tokens that listens by TLS.
type tokenIssuer struct {
	t      *testing.T
	server *httptest.Server

	mu       sync.Mutex
	shown    []jose.JSONWebKey
	fetches  int
	unusable bool // it responds with errors
}

func startTokenIssuer(t *testing.T, authority *testtls.Authority) *tokenIssuer {
	t.Helper()
	i := &tokenIssuer{t: t, unusable: true}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]string{"issuer": i.server.URL, "jwks_uri": i.server.URL + "/keys"})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		i.mu.Lock()
		defer i.mu.Unlock()
		i.fetches++
		if i.unusable {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"keys": i.shown})
	})
	i.server = httptest.NewUnstartedServer(mux)
	i.server.TLS = authority.Server()
	i.server.StartTLS()
	t.Cleanup(i.server.Close)
	return i
}

func (i *tokenIssuer) set(change func()) {
	i.mu.Lock()
	defer i.mu.Unlock()
	change()
}

// newKey makes a key with an id, which the issuer does not show yet.
func (i *tokenIssuer) newKey(id string) (private, public jose.JSONWebKey) {
	i.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		i.t.Fatal(err)
	}
	return jose.JSONWebKey{Key: key, KeyID: id}, jose.JSONWebKey{
		Key:       key.Public(),
		KeyID:     id,
		Algorithm: string(jose.ES256),
		Use:       "sig",
	}
}

// token returns a token for an audience.
func (i *tokenIssuer) token(key jose.JSONWebKey, audience string, expires time.Time) string {
	i.t.Helper()
	options := (&jose.SignerOptions{}).WithType("at+jwt")
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, options)
	if err != nil {
		i.t.Fatal(err)
	}
	text, err := jwt.Signed(signer).Claims(map[string]any{
		"iss":    i.server.URL,
		"aud":    audience,
		"sub":    "robot",
		"exp":    expires.Unix(),
		"tenant": "default",
		"scope":  "read",
	}).Serialize()
	if err != nil {
		i.t.Fatal(err)
	}
	return text
}

// TestTokensOfIssuer: an API starts while the issuer is unusable, and says so by 503. Later it accepts the issuer's
// tokens, refuses others, and goes on when the issuer fails again. Unknown keys are no requests to it.
func TestTokensOfIssuer(t *testing.T) {
	t.Parallel()
	authority := testtls.New(t)
	i := startTokenIssuer(t, authority)
	d := deploy(t)
	d.env = append(d.env, "SSL_CERT_FILE="+authority.CAFile)
	api := start(t, d.env, "api", "--addr=127.0.0.1:0", "--ops-addr=127.0.0.1:0",
		"--oidc-issuer="+i.server.URL, "--oidc-audience=millrace")
	api.untilLogs("msg=serving")
	url := apiAddress.FindStringSubmatch(api.stderr.String())[1] + "/v1/overview"
	private, public := i.newKey("first")
	later := time.Now().Add(time.Hour)
	token := i.token(private, "millrace", later)
	want := func(what, token string, status int) {
		t.Helper()
		if got := statusFor(t, url, token); got != status {
			t.Errorf("%s: got %d, want %d", what, got, status)
		}
	}
	want("without a token", "", http.StatusUnauthorized)
	want("while the issuer is unusable", token, http.StatusServiceUnavailable)
	i.set(func() {
		i.unusable = false
		i.shown = append(i.shown, public)
	})
	until(t, "the token is accepted", func() bool { return statusFor(t, url, token) == http.StatusOK })
	i.mu.Lock()
	known := i.fetches
	i.mu.Unlock()

	want("for another audience", i.token(private, "other", later), http.StatusUnauthorized)
	want("expired", i.token(private, "millrace", time.Now().Add(-time.Hour)), http.StatusUnauthorized)
	impostor, _ := i.newKey("first")
	want("signed by another key of that id", i.token(impostor, "millrace", later), http.StatusUnauthorized)
	for range 20 {
		unknown, _ := i.newKey(rand.Text())
		want("signed by a key that is not shown", i.token(unknown, "millrace", later), http.StatusUnauthorized)
	}
	i.mu.Lock()
	asked := i.fetches
	i.mu.Unlock()
	if asked > known+1 {
		t.Errorf("the keys were fetched %d times more for 20 unknown ones, want at most once in a minute", asked-known)
	}
	i.set(func() { i.unusable = true })
	want("while the issuer is unusable again", token, http.StatusOK)
	i.server.Close()
	want("without the issuer", token, http.StatusOK)
	want("signed by another key, without the issuer", i.token(impostor, "millrace", later), http.StatusUnauthorized)
}

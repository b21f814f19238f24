package cli_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

var aToken = regexp.MustCompile(`^mr_([0-9A-Za-z]{10})_[0-9A-Za-z]{49}\n$`)

// statusFor returns the status of a request with a token.
func statusFor(t *testing.T, url, token string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	return response.StatusCode
}

// TestKeys: an API that other machines reach serves nothing without a key, and waits for the first one. The command
// line makes it, and revokes it in all processes.
func TestKeys(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	open := []string{"api", "--addr=:0", "--ops-addr=127.0.0.1:0"}
	wantFailure(t, d.env, 1, "millrace keys create --name=admin --scopes=admin", append(open, "--wait=0s")...)
	wantFailure(t, d.env, 1, "contradict", append(open, "--auth", "--insecure-no-auth")...)

	first := start(t, d.env, open...)
	first.untilLogs(`msg="waiting for a key"`)
	first.untilLogs("millrace keys create --name=admin --scopes=admin")
	token, stderr, code := run(t, d.env, "keys", "create", "--name=ci", "--scopes=read")
	id := aToken.FindStringSubmatch(token)
	if code != 0 || id == nil || !strings.Contains(stderr, id[1]) || strings.Contains(stderr, token[14:40]) {
		t.Fatalf("keys create: code %d, %q, %q, want the token alone, and the id beside it", code, token, stderr)
	}
	token = strings.TrimSpace(token)
	second := start(t, d.env, "api", "--addr=127.0.0.1:0", "--ops-addr=127.0.0.1:0", "--auth")
	var servers []string
	for _, p := range []*process{first, second} {
		p.untilLogs("msg=serving")
		servers = append(servers, apiAddress.FindStringSubmatch(p.stderr.String())[1])
	}
	for _, server := range servers {
		if got := statusFor(t, server+"/v1/overview", ""); got != http.StatusUnauthorized {
			t.Errorf("without a key the status is %d, want 401", got)
		}
		if got := statusFor(t, server+"/v1/overview", token); got != http.StatusOK {
			t.Errorf("with a key the status is %d, want 200", got)
		}
		if got := statusFor(t, server+"/v1/keys", token); got != http.StatusForbidden {
			t.Errorf("without the scope the status is %d, want 403", got)
		}
	}
	list, _, _ := run(t, d.env, "keys", "list")
	wantTexts(t, list, id[1], "ci", "default", "read", "valid")
	wantFailure(t, d.env, 2, "no token", "keys", "revoke", token)
	wantFailure(t, d.env, 1, "no such key", "keys", "revoke", "0123456789")
	if _, stderr, code := run(t, d.env, "keys", "revoke", id[1]); code != 0 {
		t.Fatalf("keys revoke: code %d, %q, want 0", code, stderr)
	}
	for _, server := range servers {
		until(t, "the key is refused", func() bool { return statusFor(t, server+"/v1/overview", token) == http.StatusUnauthorized })
	}
	for _, p := range []*process{first, second} {
		if strings.Contains(p.stderr.String(), token[14:]) {
			t.Errorf("the log %s has the secret of a key, want none", p.stderr)
		}
	}
}

// TestKeysOfTenants: a tenant that is not known is a slip, unless it is to be made.
func TestKeysOfTenants(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	create := []string{"keys", "create", "--name=x", "--tenant=acme", "--json", "--expires=never"}
	wantFailure(t, d.env, 1, "no such tenant", create...)
	out, stderr, code := run(t, d.env, append(create, "--create-tenant")...)
	var key struct {
		ID, Tenant, Token string
		Expires           *string `json:"expires_at"`
	}
	if err := json.Unmarshal([]byte(out), &key); err != nil || code != 0 || key.Tenant != "acme" || key.Expires != nil ||
		!aToken.MatchString(key.Token+"\n") {
		t.Errorf("keys create: code %d, %q, %q, want a key of acme without an end", code, out, stderr)
	}
	wantFailure(t, d.env, 2, "expected days", "keys", "create", "--name=x", "--expires=90")
	wantFailure(t, d.env, 1, "no scope", "keys", "create", "--name=x", "--scopes=write")
	list, _, _ := run(t, d.env, "keys", "list", "--tenant=default")
	if strings.Contains(list, key.ID) {
		t.Errorf("the keys of another tenant are %q, want none of acme's", list)
	}
}

// TestDevAuth: dev makes a key where it is asked to, and prints it.
func TestDevAuth(t *testing.T) {
	t.Parallel()
	_, dev := startDev(t, t.TempDir(), "--auth")
	if got := statusFor(t, dev.API+"/v1/overview", ""); got != http.StatusUnauthorized {
		t.Errorf("without a key the status is %d, want 401", got)
	}
	if got := statusFor(t, dev.API+"/v1/keys", dev.Token); got != http.StatusOK {
		t.Errorf("with the key of dev the status is %d, want 200", got)
	}
	for _, path := range []string{"/livez", "/readyz", "/metrics"} {
		if got := statusFor(t, dev.Ops+path, ""); got != http.StatusOK {
			t.Errorf("GET %s = %d, want 200", path, got)
		}
	}
}

package cli_test

import (
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
)

// TestNoSecretInLogs: whatever a client does with its token, no process logs it: not in a header, where it belongs, nor
// where it does not, nor when what it is in cannot be parsed.
func TestNoSecretInLogs(t *testing.T) {
	t.Parallel()
	const jwt = "eyJhbGciOiJSUzI1NiIsImtpZCI6IngifQ.eyJzdWIiOiJzM2NyZXRTM2NyZXQifQ.c2VjcmV0U2lnbmF0dXJl"
	d := deploy(t)
	d.env = append(d.env, "MILLRACE_LOG_LEVEL=debug", "MILLRACE_TOKEN="+testToken)
	api := d.startAPI()
	sent := 0
	send := func(method, path, body string, headers ...string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, d.server, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.URL.Opaque = path // as it is
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatalf("%s %.40s: %v", method, path, err)
		}
		_, _ = io.Copy(io.Discard, response.Body)
		_ = response.Body.Close()
		sent++
	}
	const json = "application/json"
	for _, token := range []string{testToken, jwt} {
		for _, name := range []string{
			"Authorization", "Proxy-Authorization", "Cookie", "X-Api-Key", "Idempotency-Key", "Prefer", "Accept", "Origin",
			"X-Forwarded-For", "X-Forwarded-Prefix", "If-Match", "Range", "Last-Event-ID", "Content-Digest", "Content-Type",
		} {
			for _, value := range []string{"Bearer " + token, token, "x=" + token} {
				send(http.MethodPost, "/v1/multiplications", twoByTwo, "Content-Type", json, name, value)
				send(http.MethodGet, "/v1/multiplications", "", name, value)
				send(http.MethodDelete, "/v1/multiplications/x", "", name, value)
			}
		}
		for _, path := range []string{
			"/v1/multiplications?token=", "/v1/multiplications/", "/v1/matrices/", "/", "/riverui/api/jobs/", "/riverui/?token=",
			"/v1/multiplications?cursor=", "/v1/multiplications?state=%22",
		} {
			send(http.MethodGet, path+url.QueryEscape(token), "")
			send(http.MethodDelete, path+token, "")
		}
		for _, body := range []string{token, `"` + token + `"`, `{"a": "` + token + `"}`, `{"` + token + `": 1`, `[["` + token + `"]]`} {
			for _, path := range []string{"/v1/multiplications", "/v1/matrices", "/v1/multiplications:batch", "/riverui/api/jobs/retry"} {
				send(http.MethodPost, path, body, "Content-Type", json)
			}
		}
	}
	log := api.stderr.String()
	if n := strings.Count(log, "…"); n < 5 || sent < 100 {
		t.Errorf("%d tokens were cut in the log of %d requests, want some: nothing may have been logged", n, sent)
	}
	for _, secret := range []string{testToken[14:24], jwt[50:60], "c2VjcmV0"} {
		if i := strings.Index(log, secret); i >= 0 {
			t.Errorf("the log has a token: …%s…", log[max(0, i-200):min(len(log), i+40)])
		}
	}
	api.exit(os.Interrupt)
}

package cli_test

import (
	"net/http"
	"os"
	"testing"
)

// TestHosts: on a loopback address, the API, River UI, the pages and the endpoints for operators refuse requests for
// other hosts than this machine and those of --allowed-hosts.
func TestHosts(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	p := start(t, d.env, "api", "--addr=127.0.0.1:0", "--ops-addr=127.0.0.1:0", "--allowed-hosts=one.test,two.test")
	p.untilLogs("msg=serving")
	api := apiAddress.FindStringSubmatch(p.stderr.String())[1]
	ops := opsAddress.FindStringSubmatch(p.stderr.String())[1]
	for _, url := range []string{
		api + "/", api + "/docs/", api + "/v1/multiplications", api + "/riverui/api/queues", ops + "/metrics", ops + "/livez",
	} {
		for host, want := range map[string]int{
			"evil.example":   http.StatusMisdirectedRequest,
			"two.test:12345": http.StatusOK,
			"localhost":      http.StatusOK,
		} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Host = host
			response, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			_ = response.Body.Close()
			if response.StatusCode != want {
				t.Errorf("%s of %s: %s, want %d", url, host, response.Status, want)
			}
		}
	}
	p.exit(os.Interrupt)
}

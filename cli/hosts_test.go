package cli_test

import (
	"net/http"
	"os"
	"testing"

	"github.com/millrace/millrace/internal/wire"
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
			if got := wire.StatusOf(t, url, host); got != want {
				t.Errorf("%s of %s: %d, want %d", url, host, got, want)
			}
		}
	}
	p.exit(os.Interrupt)
}

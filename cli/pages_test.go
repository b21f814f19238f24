package cli_test

import (
	"net/http"
	"os"
	"testing"
)

// TestRiverUIFlag: River UI is served where only this machine can reach it, unless a flag or the environment says
// otherwise.
func TestRiverUIFlag(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	for name, test := range map[string]struct {
		env   []string
		flags []string
		want  int
	}{
		"by default":       {nil, nil, http.StatusOK},
		"on all addresses": {nil, []string{"--addr=:0", "--insecure-no-auth"}, http.StatusNotFound},
		"turned on":        {nil, []string{"--addr=:0", "--insecure-no-auth", "--river-ui"}, http.StatusOK},
		"on in the environment": {
			[]string{"MILLRACE_RIVER_UI=true"}, []string{"--addr=:0", "--insecure-no-auth"}, http.StatusOK,
		},
		"turned off":             {nil, []string{"--no-river-ui"}, http.StatusNotFound},
		"off in the environment": {[]string{"MILLRACE_RIVER_UI=false"}, nil, http.StatusNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			args := append([]string{"api", "--addr=127.0.0.1:0", "--ops-addr=127.0.0.1:0"}, test.flags...)
			p := start(t, append(test.env, d.env...), args...)
			p.untilLogs("msg=serving")
			base := apiAddress.FindStringSubmatch(p.stderr.String())[1]
			if got := fetch(t, base+"/riverui/api/queues").StatusCode; got != test.want {
				t.Errorf("GET /riverui/api/queues = %d, want %d", got, test.want)
			}
			overview, err := connect(t, base).GetOverviewWithResponse(t.Context())
			if err != nil || overview.JSON200 == nil {
				t.Fatalf("GetOverview() = %q, %v, want 200", overview.Body, err)
			}
			if got, want := overview.JSON200.Links.RiverUI != nil, test.want == http.StatusOK; got != want {
				t.Errorf("the overview has a link to River UI: %t, want %t", got, want)
			}
			if overview.JSON200.Kernel != nil {
				t.Errorf("an API without a worker has the kernel %+v", *overview.JSON200.Kernel)
			}
			if overview.JSON200.OpsPort == nil {
				t.Error("the port of the overview's ops endpoints = nil, want one")
			}
			p.exit(os.Interrupt)
		})
	}
}

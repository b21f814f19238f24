package cli_test

import (
	"net/http"
	"os"
	"testing"
)

// TestRiverUIFlag: River UI is there unless it is turned off, by a flag or in the environment.
func TestRiverUIFlag(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	for name, test := range map[string]struct {
		env   []string
		flags []string
		want  int
	}{
		"by default":             {nil, nil, http.StatusOK},
		"turned off":             {nil, []string{"--no-river-ui"}, http.StatusNotFound},
		"off in the environment": {[]string{"MILLRACE_RIVER_UI=false"}, nil, http.StatusNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			p := start(t, append(test.env, d.env...), append([]string{"api", "--addr=127.0.0.1:0", "--ops-addr=127.0.0.1:0"}, test.flags...)...)
			p.untilLogs("msg=serving")
			a := api{t, apiAddress.FindStringSubmatch(p.stderr.String())[1]}
			if status := a.do(http.MethodGet, "/riverui/api/queues", "", nil); status != test.want {
				t.Errorf("%d", status)
			}
			var overview struct {
				OpsPort int `json:"ops_port"`
				Links   map[string]string
			}
			a.do(http.MethodGet, "/v1/overview", "", &overview)
			if _, linked := overview.Links["river_ui"]; linked != (test.want == http.StatusOK) || overview.OpsPort == 0 {
				t.Errorf("%+v", overview)
			}
			p.exit(os.Interrupt)
		})
	}
}

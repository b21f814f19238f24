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
			base := apiAddress.FindStringSubmatch(p.stderr.String())[1]
			if status := statusOf(t, base+"/riverui/api/queues"); status != test.want {
				t.Errorf("%d", status)
			}
			overview, err := connect(t, base).GetOverviewWithResponse(t.Context())
			if err != nil || overview.JSON200 == nil {
				t.Fatalf("%v, %s", err, overview.Body)
			}
			if linked := overview.JSON200.Links.RiverUI != nil; linked != (test.want == http.StatusOK) || overview.JSON200.OpsPort == nil {
				t.Errorf("%s", overview.Body)
			}
			p.exit(os.Interrupt)
		})
	}
}

func statusOf(t *testing.T, url string) int {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	return answer.StatusCode
}

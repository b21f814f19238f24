package cli_test

import (
	"strings"
	"testing"
)

// TestPasswordIsNotLogged: neither format of the log contains the password of the database, in whichever form the
// connection string has it.
func TestPasswordIsNotLogged(t *testing.T) {
	t.Parallel()
	for name, url := range map[string]string{
		"user":      "postgres://millrace:s3cret@127.0.0.1:1/x",
		"query":     "postgres://127.0.0.1:1/x?user=millrace&password=s3cret",
		"key/value": "host=127.0.0.1 port=1 user=millrace password=s3cret",
	} {
		for _, format := range []string{"text", "json"} {
			t.Run(name+" "+format, func(t *testing.T) {
				t.Parallel()
				_, stderr, code := run(t, []string{"DATABASE_URL=" + url}, "worker", "--wait=0s",
					"--log-format="+format, "--log-level=debug")
				if code != 1 || !strings.Contains(stderr, "starting") || strings.Contains(stderr, "s3cret") {
					t.Errorf("code %d, %q, want code 1 and starting, without the password", code, stderr)
				}
			})
		}
	}
}

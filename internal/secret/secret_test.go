package secret_test

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/millrace/millrace/internal/secret"
)

// TestRedact: no form of a token survives, and other words do.
func TestRedact(t *testing.T) {
	t.Parallel()
	hidden := "5up3rS3cretPart0fTheToken1234567890123456789abcdef"
	key := "mr_0123456789_" + hidden
	for text, want := range map[string]string{
		"":                            "",
		key:                           "mr_0123456789_…",
		"ms_0123456789_" + hidden:     "ms_0123456789_…",
		"Bearer " + key + "\r\n":      "Bearer mr_0123456789_…\r\n",
		"?token=%22" + key + "%22":    "?token=%22mr_0123456789_…%22",
		key[:20]:                      "mr_0123456789_…",
		"mr_" + hidden:                "mr_…",
		"a " + key + " and " + key:    "a mr_0123456789_… and mr_0123456789_…",
		"eyJhbGciOiJSUzI1NiJ9.eyJz.x": "eyJ…",
		"whsec_" + hidden[:43] + "=":  "whsec_…",
		"the prefix whsec_ is short":  "the prefix whsec_ is short",
		"params_of_a_request mr_x":    "params_of_a_request mr_x",
		"millrace_streams_total_bytes_of_everything": "millrace_streams_total_bytes_of_everything",
	} {
		if got := secret.Redact(text); got != want {
			t.Errorf("Redact(%q) = %q, want %q", text, got, want)
		}
		var out bytes.Buffer
		if n, err := io.WriteString(secret.Writer(&out), text); n != len(text) || err != nil || out.String() != want {
			t.Errorf("Write(%q) = %d, %v and wrote %q, want %q", text, n, err, out.String(), want)
		}
		if strings.Contains(secret.Redact(text), hidden[:6]) {
			t.Errorf("Redact(%q) has a part of the secret", text)
		}
	}
}

// Package secret takes secrets out of texts that people read: errors and logs.
package secret

import (
	"bytes"
	"io"
	"regexp"
)

// tokens matches those of keys and sessions, whole or in part, secrets of webhooks, and JWTs. What remains of a key
// tells which one it was.
var tokens = regexp.MustCompile(`(m[rs]_)([0-9A-Za-z]{10}_)[0-9A-Za-z]+` +
	`|\b(m[rs]_)[0-9A-Za-z_]{20,}` +
	`|\b(whsec_)[0-9A-Za-z+/=]{20,}` +
	`|(eyJ)[0-9A-Za-z_-]{8,}(?:\.[0-9A-Za-z_-]*)+`)

const rest = "$1$2$3$4$5…"

// Redact returns a text without the tokens in it.
func Redact(text string) string { return tokens.ReplaceAllString(text, rest) }

// Writer returns a writer that writes to w what it is given, without the tokens. Each call of Write must have whole
// tokens, as those of a log have.
func Writer(w io.Writer) io.Writer { return writer{w} }

type writer struct{ io.Writer }

// Write implements io.Writer.
func (w writer) Write(p []byte) (int, error) {
	if !suspect(p) {
		return w.Writer.Write(p)
	}
	_, err := w.Writer.Write(tokens.ReplaceAll(p, []byte(rest)))
	return len(p), err
}

// beginnings are those of the tokens.
var beginnings = [][]byte{[]byte("mr_"), []byte("ms_"), []byte("whsec_"), []byte("eyJ")}

// suspect reports whether there may be a token in a text, which costs less than to look for one.
func suspect(p []byte) bool {
	for _, beginning := range beginnings {
		if bytes.Contains(p, beginning) {
			return true
		}
	}
	return false
}

// Package logs bounds what is logged: how long a text is, and how often a line is written that clients can cause.
package logs

import (
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// maxClientText is how many characters of a text of a client are logged.
	maxClientText = 200
	// maxText is how many characters of any other text are logged: errors of the database and of jobs, say.
	maxText = 2_000
	// maxTrace is how many characters of the trace of a panic are logged.
	maxTrace = 16_000
)

// TraceKey is the key of an attribute that is the trace of a panic.
const TraceKey = "trace"

// Text is a text that comes from a client: a header, a path. It is cut, and its control characters are escaped.
type Text string

// LogValue implements slog.LogValuer.
func (t Text) LogValue() slog.Value { return slog.StringValue(cut(string(t), maxClientText, "")) }

// Bound cuts the texts of a record; it is the ReplaceAttr of a handler. Lines may be broken in them, which the handlers
// escape.
func Bound(_ []string, a slog.Attr) slog.Attr {
	limit := maxText
	if a.Key == TraceKey || a.Key == slog.MessageKey { // net/http puts the trace of a panic into the message
		limit = maxTrace
	}
	switch a.Value.Kind() {
	case slog.KindString:
		a.Value = slog.StringValue(cut(a.Value.String(), limit, "\n\t"))
	case slog.KindAny:
		switch v := a.Value.Any().(type) {
		case error:
			a.Value = slog.StringValue(cut(v.Error(), limit, "\n\t"))
		case string, []byte, fmt.Stringer:
			a.Value = slog.StringValue(cut(fmt.Sprintf("%s", v), limit, "\n\t"))
		}
	}
	return a
}

// cut returns the first characters of a text. Those that are not printable are escaped as in Go, except for some.
func cut(text string, limit int, except string) string {
	var b strings.Builder
	characters := 0
	for i, r := range text {
		if characters++; characters > limit {
			fmt.Fprintf(&b, "… (%d bytes)", len(text))
			break
		}
		switch _, size := utf8.DecodeRuneInString(text[i:]); {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, text[i])
		case unicode.IsPrint(r), strings.ContainsRune(except, r):
			b.WriteRune(r)
		default:
			b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
		}
	}
	return b.String()
}

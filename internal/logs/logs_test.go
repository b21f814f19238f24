package logs_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/millrace/millrace/internal/logs"
	"github.com/millrace/millrace/internal/reexec"
)

// TestTextOfClients: whatever a client sends, what is logged of it is short, on one line and printable.
func TestTextOfClients(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"https://example.org":                "https://example.org",
		"":                                   "",
		"a\nlevel=ERROR msg=x\r\x1b[2Jb\x00": `a\nlevel=ERROR msg=x\r\x1b[2Jb\x00`,
		"\u009b\u202e\u2028\x7f\xff\xfeü€":   `\u009b\u202e\u2028\x7f\xff\xfeü€`,
		strings.Repeat("€", 200):             strings.Repeat("€", 200),
		strings.Repeat("€", 201):             strings.Repeat("€", 200) + "… (603 bytes)",
		strings.Repeat("\x00", 32<<10):       strings.Repeat(`\x00`, 200) + "… (32768 bytes)",
	} {
		if got := logs.Text(text).LogValue().String(); got != want {
			t.Errorf("Text(%.40q) is logged as %q, want %q", text, got, want)
		}
	}
}

// TestBound: no attribute of a record is long, whatever its type, and the trace of a panic is whole.
func TestBound(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 64<<10)
	for name, value := range map[string]any{
		"string": long,
		"error":  fmt.Errorf("reading: %w", errors.New(long)),
		"text":   logs.Text(long),
		"bytes":  []byte(long),
		"name":   stringer(long),
	} {
		for format, handler := range handlers() {
			var out bytes.Buffer
			slog.New(handler(&out)).Warn("failed", "value", value)
			if n := out.Len(); n > 2_200 || n < 200 {
				t.Errorf("%s in %s: %d bytes, want from 200 to 2,200", name, format, n)
			}
		}
	}
	trace := strings.Repeat("goroutine 1\n\tmain.go:1\n", 400)
	var out bytes.Buffer
	slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{ReplaceAttr: logs.Bound})).Warn("panic", "trace", trace)
	if want := fmt.Sprintf("trace=%q\n", trace); !strings.HasSuffix(out.String(), want) {
		t.Errorf("the trace is logged as %.300s…, want it whole", out.String())
	}
}

type stringer string

func (s stringer) String() string { return string(s) }

func handlers() map[string]func(*bytes.Buffer) slog.Handler {
	options := &slog.HandlerOptions{ReplaceAttr: logs.Bound}
	return map[string]func(*bytes.Buffer) slog.Handler{
		"text": func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, options) },
		"json": func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, options) },
	}
}

// TestOneLineASecond: of many lines of one kind, one a second is written, and what was left out is counted.
func TestOneLineASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out reexec.Log // written by timers
		limited := logs.NewLimited(slog.New(slog.NewTextHandler(&out, nil)))
		lines := func() []string {
			synctest.Wait()
			defer out.Reset()
			return strings.Split(strings.TrimSpace(out.String()), "\n")
		}
		for i := range 1000 {
			limited.Log(t.Context(), slog.LevelWarn, "origin", "refused", "n", i)
			limited.Log(t.Context(), slog.LevelWarn, "host", "refused", "host", i)
		}
		if got := lines(); len(got) != 2 || !strings.HasSuffix(got[0], "n=0") || !strings.HasSuffix(got[1], "host=0") {
			t.Errorf("at once: %q, want the first of each kind", got)
		}
		time.Sleep(time.Second) // of the bubble
		got := strings.Join(lines(), "\n")
		if strings.Count(got, "\n") != 1 || !strings.Contains(got, "n=999 omitted=998") || !strings.Contains(got, "host=999 omitted=998") {
			t.Errorf("after a second: %q, want the last of each kind and a count", got)
		}
		limited.Log(t.Context(), slog.LevelWarn, "origin", "refused", "n", 1000)
		if got := lines(); got[0] != "" {
			t.Errorf("in the next second: %q, want nothing", got)
		}
		time.Sleep(time.Second) // of the bubble
		if got := lines(); len(got) != 1 || !strings.HasSuffix(got[0], "n=1000") {
			t.Errorf("after it: %q, want one line, with nothing left out", got)
		}
		time.Sleep(2 * time.Second) // of the bubble
		if got := lines(); got[0] != "" {
			t.Errorf("at the end: %q, want nothing", got)
		}
	})
}

package logs

import (
	"context"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// interval is the time in which one line of a kind is written at most.
const interval = time.Second

// Limited writes at most one line of a kind in a second, however many clients cause. The next line says how many were
// left out. Kinds are those of the program: each takes some memory.
type Limited struct {
	log *slog.Logger

	mu    sync.Mutex
	kinds map[string]*kind // those of which a line was written in the last interval
}

// kind is a kind of lines in the time after one of them.
type kind struct {
	omitted int
	last    func(omitted int) // writes the last line that was left out
}

// NewLimited returns a Limited that writes to log.
func NewLimited(log *slog.Logger) *Limited { return &Limited{log: log, kinds: map[string]*kind{}} }

// Log writes a line, or leaves it out: then the last one that was left out is written when the interval is over.
func (l *Limited) Log(ctx context.Context, level slog.Level, kindName, message string, args ...any) {
	ctx = context.WithoutCancel(ctx) //house:ignore bound a line of the log waits for nothing
	write := func(omitted int) {
		if omitted > 0 {
			args = append(args[:len(args):len(args)], "omitted", omitted)
		}
		l.log.Log(ctx, level, message, args...)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if k := l.kinds[kindName]; k != nil {
		k.omitted++
		k.last = write
		return
	}
	l.kinds[kindName] = &kind{}
	time.AfterFunc(interval, func() { l.end(kindName) })
	write(0)
}

// end writes what was left out of a kind in an interval, if anything was, and begins the next one.
func (l *Limited) end(kindName string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	k := l.kinds[kindName]
	if k.omitted == 0 {
		delete(l.kinds, kindName)
		return
	}
	k.last(k.omitted - 1)
	*k = kind{}
	time.AfterFunc(interval, func() { l.end(kindName) })
}

// writer writes the lines of a log of the standard library, which are of one kind.
type writer struct {
	limited *Limited
	kind    string
}

// Writer returns a writer of warnings of one kind, a line per call.
func (l *Limited) Writer(kindName string) io.Writer {
	return writer{limited: l, kind: kindName}
}

// Write implements io.Writer.
func (w writer) Write(p []byte) (int, error) {
	//house:ignore bound a line of the log waits for nothing
	w.limited.Log(context.Background(), slog.LevelWarn, w.kind, strings.TrimSuffix(string(p), "\n"))
	return len(p), nil
}

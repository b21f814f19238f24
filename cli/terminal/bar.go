// Package terminal shows progress and figures to people, and asks them questions.
package terminal

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// Unit is what a Bar counts.
type Unit int

// The units of a Bar.
const (
	Bytes Unit = iota
	Tiles
)

// Bar shows the progress of something: as a bar on a terminal, as a line now and then elsewhere.
type Bar struct {
	out   io.Writer
	title string
	total int64
	done  int64
	shown time.Time                // when a line was printed last
	bar   *progressbar.ProgressBar // nil without a terminal, and after Clear
}

// lineInterval is the time between two lines where there is no terminal.
const lineInterval = 5 * time.Second

// NewBar begins to show the progress of something of the given size.
func NewBar(out io.Writer, title string, total int64, unit Unit) *Bar {
	b := &Bar{
		out:   out,
		title: title,
		total: total,
		shown: time.Now(),
	}
	if !Is(out) {
		return b
	}
	b.bar = progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(out),
		progressbar.OptionSetDescription(fmt.Sprintf("%-10s", title)),
		progressbar.OptionShowBytes(unit == Bytes),
		progressbar.OptionShowCount(),
		progressbar.OptionSetWidth(30),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionSetRenderBlankState(true),
		progressbar.OptionUseANSICodes(true),
		progressbar.OptionSetPredictTime(unit == Bytes), // the rate of tiles is that of the last ones
		progressbar.OptionSetElapsedTime(unit == Bytes),
	)
	return b
}

// Is reports whether w is a terminal.
func Is(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// Write implements io.Writer: it adds the number of bytes to what is done.
func (b *Bar) Write(p []byte) (int, error) {
	b.Set(b.done + int64(len(p)))
	return len(p), nil
}

// Set shows that n of the total are done.
func (b *Bar) Set(n int64) {
	b.done = n
	if b.bar != nil {
		_ = b.bar.Set64(min(n, b.total))
		return
	}
	if time.Since(b.shown) >= lineInterval && n < b.total {
		b.shown = time.Now()
		fmt.Fprintf(b.out, "%-10s %3.0f %%\n", b.title, 100*float64(n)/float64(b.total))
	}
}

// Remark shows a text behind the title of a bar on a terminal.
func (b *Bar) Remark(text string) {
	if b.bar != nil {
		b.bar.Describe(fmt.Sprintf("%-10s %s", b.title, text))
	}
}

// SetOf shows that done of total are done, where the total may differ from the one that was known so far.
func (b *Bar) SetOf(done, total int64) {
	if total != b.total && total > 0 {
		b.total = total
		if b.bar != nil {
			b.bar.ChangeMax64(total)
		}
	}
	b.Set(done)
}

// Clear removes the bar from the terminal. It may be called again, and after Finish.
func (b *Bar) Clear() {
	if b.bar != nil {
		_ = b.bar.Exit()
		_ = b.bar.Clear()
		b.bar = nil
	}
}

// Finish replaces the bar by a line with a remark about what was done.
func (b *Bar) Finish(remark string) {
	b.Clear()
	fmt.Fprintf(b.out, "%-10s %s\n", b.title, remark)
}

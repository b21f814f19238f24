package cli

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progress shows how far something is: a bar on a terminal, a line now and then elsewhere.
type progress struct {
	out   io.Writer
	title string
	total int64
	bar   *progressbar.ProgressBar // nil where there is no terminal
	done  int64
	shown time.Time
}

// lineInterval is how often a line is printed where there is no terminal.
const lineInterval = 5 * time.Second

// newProgress begins to show something of the given size: bytes, or else parts of a whole.
func newProgress(out io.Writer, title string, total int64, bytes bool) *progress {
	p := &progress{out: out, title: title, total: total, shown: time.Now()}
	if !isTerminal(out) {
		return p
	}
	p.bar = progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(out), progressbar.OptionSetDescription(fmt.Sprintf("%-10s", title)),
		progressbar.OptionShowBytes(bytes), progressbar.OptionShowCount(), progressbar.OptionSetWidth(30),
		progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionSetRenderBlankState(true),
		progressbar.OptionUseANSICodes(true), progressbar.OptionSetPredictTime(true),
	)
	return p
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// add says that n more are done.
func (p *progress) add(n int64) { p.set(p.done + n) }

// set says that n are done.
func (p *progress) set(n int64) {
	p.done = n
	if p.bar != nil {
		_ = p.bar.Set64(min(n, p.total))
		return
	}
	if time.Since(p.shown) >= lineInterval && n < p.total {
		p.shown = time.Now()
		fmt.Fprintf(p.out, "%-10s %3.0f %%\n", p.title, 100*float64(n)/float64(p.total))
	}
}

// finish ends the bar, or prints the line, with a remark about what was done.
func (p *progress) finish(remark string) {
	if p.bar != nil {
		_ = p.bar.Finish()
		_ = p.bar.Clear()
	}
	fmt.Fprintf(p.out, "%-10s %s\n", p.title, remark)
}

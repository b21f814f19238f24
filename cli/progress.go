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

// Write implements io.Writer: as many bytes more are done.
func (p *progress) Write(b []byte) (int, error) {
	p.set(p.done + int64(len(b)))
	return len(b), nil
}

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

// of says that done of total are done, now that the total is known.
func (p *progress) of(done, total int64) {
	if total != p.total && total > 0 {
		p.total = total
		if p.bar != nil {
			p.bar.ChangeMax64(total)
		}
	}
	p.set(done)
}

// finish ends the bar, or prints the line, with a remark about what was done.
func (p *progress) finish(remark string) {
	p.close()
	p.say(remark)
}

// close takes the bar away.
func (p *progress) close() {
	if p.bar != nil {
		_ = p.bar.Exit()
		_ = p.bar.Clear()
	}
}

// say prints a line about what was done.
func (p *progress) say(remark string) { fmt.Fprintf(p.out, "%-10s %s\n", p.title, remark) }

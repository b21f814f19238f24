package burst

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/millrace/millrace/cli/terminal"
)

// progress shows how far a load is: as one line that changes on a terminal, as a line now and then elsewhere.
type progress struct {
	out   io.Writer
	start time.Time
	total string // what is planned
	over  bool   // write over the former line
	done  chan struct{}
	wait  sync.WaitGroup

	mu        sync.Mutex
	completed int
	failed    int
}

// The times between two lines.
const (
	onTerminal = 500 * time.Millisecond
	elsewhere  = 5 * time.Second
)

// newProgress begins to show the progress of a load.
func (c *Command) newProgress(out io.Writer) *progress {
	p := &progress{
		out:   out,
		start: time.Now(),
		total: "of " + c.Duration.String(),
		over:  terminal.Is(out),
		done:  make(chan struct{}),
	}
	interval := elsewhere
	if p.over {
		interval = onTerminal
	}
	if c.Count > 0 {
		p.total = fmt.Sprintf("of %d multiplications", c.Count)
	}
	p.wait.Go(func() {
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				p.show()
			case <-p.done:
				return
			}
		}
	})
	return p
}

// ended counts a multiplication.
func (p *progress) ended(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		p.failed++
		return
	}
	p.completed++
}

func (p *progress) show() {
	p.mu.Lock()
	completed := p.completed
	failed := p.failed
	p.mu.Unlock()
	begin := ""
	end := "\n"
	if p.over {
		begin = "\r\x1b[K"
		end = ""
	}
	took := time.Since(p.start)
	fmt.Fprintf(p.out, "%s%.0f s %s: %d completed, %.1f/s, %d failed%s",
		begin, took.Seconds(), p.total, completed, float64(completed)/took.Seconds(), failed, end)
}

// stop ends the progress and removes its line from the terminal.
func (p *progress) stop() {
	close(p.done)
	p.wait.Wait() //house:ignore bound what is closed ends it
	if p.over {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}

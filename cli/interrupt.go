package cli

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/millrace/millrace/client"
)

// cancelTimeout is how long the order to cancel may take: somebody waits for the prompt.
const cancelTimeout = 10 * time.Second

// interrupted decides what becomes of a product that nobody waits for any more.
func (c *multiplyCommand) interrupted(ctx context.Context, remote *client.Client, id string, w io.Writer) error {
	if c.OnInterrupt == "cancel" || c.OnInterrupt == "ask" && ask(w, "\nCancel the product too? [y/N] ") {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cancelTimeout)
		defer cancel()
		if _, err := remote.Cancel(ctx, id); err != nil {
			return fmt.Errorf("cancelling: %w; millrace cancel %s tries again", err, id)
		}
		fmt.Fprintf(w, "The product is cancelled; millrace retry %s goes on with it.\n", id)
		return errInterrupted
	}
	fmt.Fprintf(w, "The product goes on. To fetch it: millrace result %s -o %s\n", id, c.Output)
	return errInterrupted
}

// ask puts a question to whoever sits at the terminal. Nobody there, no answer or another Ctrl-C mean no.
func ask(w io.Writer, question string) bool {
	if !isTerminal(w) || !term.IsTerminal(int(os.Stdin.Fd())) {
		return false
	}
	again := make(chan os.Signal, 1)
	signal.Notify(again, os.Interrupt)
	defer signal.Stop(again)
	fmt.Fprint(w, question)
	answer := make(chan string, 1)
	go func() { // which ends with the program
		line, _ := bufio.NewReader(os.Stdin).ReadString('\n')
		answer <- line
	}()
	select {
	case line := <-answer:
		line = strings.ToLower(strings.TrimSpace(line))
		return line == "y" || line == "yes"
	case <-again:
		fmt.Fprintln(w)
		return false
	}
}

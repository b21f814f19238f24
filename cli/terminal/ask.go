package terminal

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"

	"golang.org/x/term"
)

// Ask asks a yes-or-no question on the terminal. It returns false if w or the standard input is no terminal, if the
// line is anything but y or yes, or on Ctrl-C.
func Ask(w io.Writer, question string) bool {
	if !Is(w) || !term.IsTerminal(int(os.Stdin.Fd())) {
		return false
	}
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt)
	defer signal.Stop(interrupted)
	fmt.Fprint(w, question)
	reply := make(chan string, 1)
	go func() { // after Ctrl-C it lasts until the process ends: a read of the standard input cannot be cancelled
		line, _ := bufio.NewReader(os.Stdin).ReadString('\n')
		reply <- line
	}()
	select {
	case line := <-reply:
		line = strings.ToLower(strings.TrimSpace(line))
		return line == "y" || line == "yes"
	case <-interrupted:
		fmt.Fprintln(w)
		return false
	}
}

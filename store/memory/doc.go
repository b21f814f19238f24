// Package memory lends the memory of transfers. What a request will hold is borrowed before it is read, and given back
// when nothing refers to it any more, so that the memory of a process does not depend on what clients do.
//
// There is enough as long as memory moves. While others wait for memory, two rules apply:
//   - A client that holds memory must pay for it: it must move as many bytes as it holds in a minute. A transfer that
//     is slower ends.
//   - No client takes more than half of a pool from the others. If one has it already, its newest transfer ends.
//
// Small transfers, bodies and large transfers borrow from a Pool each, so that the latter do not shut out the former.
package memory

import (
	"errors"
	"fmt"
	"os"
	"time"
)

var (
	// ErrBusy means that too much memory is in use. The condition passes.
	ErrBusy = errors.New("too many large transfers at once, try again later")
	// ErrSlow means that a client holds memory, and is too slow while others wait for it. It is an
	// os.ErrDeadlineExceeded.
	ErrSlow = fmt.Errorf("the transfer is too slow for the memory that it holds, and others wait: %w",
		os.ErrDeadlineExceeded)
)

const (
	// waitTime is how long a transfer waits for memory before its client is told to come back.
	waitTime = 20 * time.Second
	// payTime is the time in which a client must move as many bytes as it holds while others wait.
	payTime = time.Minute
	// sample is how much time a client gets for the first bytes before it is judged, and how long others wait until
	// memory is taken from a client that holds more than its share. It is a fraction of waitTime.
	sample = 5 * time.Second
	// pressure is how often those that wait look at those that hold.
	pressure = time.Second
)

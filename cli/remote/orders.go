package remote

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"

	"github.com/millrace/millrace/cli/usage"
	"github.com/millrace/millrace/client"
)

// maxBatchText is how much text is sent in one request, in bytes: the numbers in it are not more than a server takes.
const maxBatchText = 4 << 20

// Orders reads NDJSON with an order on each line.
type Orders struct {
	file  *os.File
	lines *bufio.Reader
	ahead []byte // a line for the next batch
	end   bool
}

// OpenOrders opens a file of orders; - is standard input.
func OpenOrders(ctx context.Context, path string) (*Orders, error) {
	file := os.Stdin
	if path != stdinName {
		var err error
		file, err = interruptible(ctx, func() (*os.File, error) { return os.Open(path) })
		if err != nil {
			return nil, usage.Errorf("--batch: %w", err)
		}
	}
	return &Orders{file: file, lines: bufio.NewReader(file)}, nil
}

// Close closes the file.
func (o *Orders) Close() error { return o.file.Close() }

// Next returns the lines that are sent in one request, or io.EOF after the last ones.
func (o *Orders) Next(ctx context.Context) ([]byte, error) {
	return interruptible(ctx, o.next)
}

func (o *Orders) next() ([]byte, error) {
	text := o.ahead
	o.ahead = nil
	orders := 0
	if len(text) > 0 {
		orders = 1
	}
	for orders < client.MaxOrders && !o.end {
		line, err := o.lines.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		o.end = err != nil
		switch {
		case len(bytes.TrimSpace(line)) == 0:
		case len(text) > 0 && len(text)+len(line) > maxBatchText:
			o.ahead = line
			return text, nil
		default:
			orders++
			text = append(text, line...)
		}
	}
	if len(text) == 0 {
		return nil, io.EOF
	}
	return text, nil
}

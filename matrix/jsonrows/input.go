package handlers

import (
	"fmt"
	"io"
)

// maxToken is the longest string, number or white space that is read, in bytes.
const maxToken = 64 << 10

func errLongToken() error {
	return fmt.Errorf("%w: a JSON string, number or white space is longer than %d bytes", errInvalid, maxToken)
}

// jsonInput is a text that is read by two: a decoder, which gets it byte by byte so that it never holds more of it than it has
// used, and a scanner of numbers, which looks into the buffer.
type jsonInput struct {
	src     io.Reader
	buf     [2 * maxToken]byte
	from    int // buf[from:to] is what nobody has used yet
	to      int
	read    int64 // bytes from src
	scanned int64 // bytes that the decoder has not seen
	err     error // of src, for when the buffer is used up

	decoded func() int64 // how many bytes the decoder is done with
}

// Read implements io.Reader for the decoder, which keeps all that it was given since its last token.
func (in *jsonInput) Read(p []byte) (int, error) {
	if given := in.offset() - in.scanned; given-in.decoded() > maxToken {
		return 0, errLongToken()
	}
	c, err := in.peek()
	if err != nil || len(p) == 0 {
		return 0, err
	}
	p[0] = c
	in.from++
	return 1, nil
}

// offset returns how many bytes have been used.
func (in *jsonInput) offset() int64 { return in.read - int64(in.to-in.from) }

// peek returns the next byte.
func (in *jsonInput) peek() (byte, error) {
	if in.from == in.to {
		if err := in.more(); err != nil {
			return 0, err
		}
	}
	return in.buf[in.from], nil
}

// more reads on. What is in the buffer may move, and must leave room.
func (in *jsonInput) more() error {
	if in.from > 0 {
		in.to = copy(in.buf[:], in.buf[in.from:in.to])
		in.from = 0
	}
	for in.err == nil {
		var n int
		n, in.err = in.src.Read(in.buf[in.to:])
		in.to += n
		in.read += int64(n)
		if n > 0 {
			return nil
		}
	}
	return in.err
}

// grow reads on until n bytes are in the buffer, or the text ends. It fails if none has come.
func (in *jsonInput) grow(n int) error {
	for had := in.to - in.from; in.to-in.from < min(n, len(in.buf)); {
		if err := in.more(); err != nil {
			if in.to-in.from > had {
				return nil
			}
			return err
		}
	}
	return nil
}

// scan moves on by n bytes that the decoder does not see.
func (in *jsonInput) scan(n int) {
	in.from += n
	in.scanned += int64(n)
}

// next skips white space and returns the first byte behind it.
func (in *jsonInput) next() (byte, error) {
	for space := 0; ; space++ {
		c, err := in.peek()
		if err != nil {
			return 0, err
		}
		if c != ' ' && c != '\n' && c != '\r' && c != '\t' {
			return c, nil
		}
		if space == maxToken {
			return 0, errLongToken()
		}
		in.scan(1)
	}
}

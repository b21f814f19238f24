package jsonrows

import (
	"bytes"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// input is a buffered text with two readers: a jsontext decoder, which gets it byte by byte, so that it never holds
// bytes that it has not used; and the scanner of numbers, which looks into the buffer.
type input struct {
	src     io.Reader
	buf     []byte // grows to maxBuffer: most texts are short
	from    int    // buf[from:to] has not been used
	to      int    // see from
	read    int64  // bytes from src
	scanned int64  // bytes that tokens has not seen
	err     error  // of src, for when the buffer is used up
	begun   bool   // the beginning of the text has been looked at

	tokens *jsontext.Decoder // the decoder that reads from this input
}

const (
	minBuffer = 1 << 10
	maxBuffer = 2 * maxToken
)

// Read implements io.Reader for the decoder, which keeps what it has been given since its last token.
func (in *input) Read(p []byte) (int, error) {
	if given := in.offset() - in.scanned; given-in.tokens.InputOffset() > maxToken {
		return 0, ErrLongToken
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
func (in *input) offset() int64 { return in.read - int64(in.to-in.from) }

// failed returns the error of src if all that came before it has been used; the end of the text is none.
func (in *input) failed() error {
	if in.from < in.to || in.err == io.EOF { //nolint:errorlint // io.Reader's EOF is never wrapped
		return nil
	}
	return in.err
}

// peek returns the next byte.
func (in *input) peek() (byte, error) {
	if !in.begun {
		in.begin()
	}
	if in.from == in.to {
		if err := in.more(); err != nil {
			return 0, err
		}
	}
	return in.buf[in.from], nil
}

// begin skips a byte order mark, with which some programs begin a text. A mark of UTF-16 is an error, for when the text
// is used.
func (in *input) begin() {
	const mark = "\xef\xbb\xbf"
	in.begun = true
	if in.more() != nil {
		return
	}
	switch in.buf[in.from] {
	case mark[0]:
		_ = in.grow(len(mark)) // an error stays
		if bytes.HasPrefix(in.buf[in.from:in.to], []byte(mark)) {
			in.scan(len(mark))
		}
	case '\xfe', '\xff':
		in.to = in.from
		in.err = newSyntaxError("UTF-16 in place of UTF-8", 0)
	}
}

// more reads on. It moves the unused bytes to the start of the buffer, which grows when it was full. They must not fill
// the largest buffer.
func (in *input) more() error {
	unused := in.buf[in.from:in.to]
	if in.to == len(in.buf) && len(in.buf) < maxBuffer {
		in.buf = make([]byte, min(max(minBuffer, 4*len(in.buf)), maxBuffer))
	}
	in.to = copy(in.buf, unused)
	in.from = 0
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

// grow reads on until n bytes are in the buffer, or the text ends. It fails if there are no more bytes at all.
func (in *input) grow(n int) error {
	for had := in.to - in.from; in.to-in.from < min(n, maxBuffer); {
		if err := in.more(); err != nil {
			if in.to-in.from > had {
				return nil
			}
			return err
		}
	}
	return nil
}

// scan moves on by n bytes, which the decoder does not see.
func (in *input) scan(n int) {
	in.from += n
	in.scanned += int64(n)
}

// next skips white space and returns the first byte after it.
func (in *input) next() (byte, error) {
	for space := 0; ; space++ {
		c, err := in.peek()
		if err != nil {
			return 0, err
		}
		if c != ' ' && c != '\n' && c != '\r' && c != '\t' {
			return c, nil
		}
		if space == maxToken {
			return 0, ErrLongToken
		}
		in.scan(1)
	}
}

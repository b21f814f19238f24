package payload

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
)

// elements cuts a text into the texts of orders: the lines of NDJSON, or the elements of a JSON array. It is an
// io.Reader of the present one, so that an order that cannot be read does not hide where the next one begins.
type elements struct {
	src   *bufio.Reader
	lines bool // else an array
	begun bool
	index int // of the present element of an array

	depth   int  // of brackets within the present element
	quoted  bool // within a string of it
	escaped bool // after a backslash of it
}

// elementBuffer is the size of the buffer, in bytes.
const elementBuffer = 32 << 10

func newElements(r io.Reader, lines bool) *elements {
	return &elements{src: bufio.NewReaderSize(r, elementBuffer), lines: lines}
}

// next moves to the next element, and reports whether there is one. What is left of the present one is skipped.
func (e *elements) next() (bool, error) {
	if e.lines {
		return e.nextLine()
	}
	return e.nextOfArray()
}

// nextLine skips the rest of a line, and empty lines.
func (e *elements) nextLine() (bool, error) {
	if e.begun {
		if _, err := io.Copy(io.Discard, e); err != nil {
			return false, err
		}
		_, _ = e.src.Discard(1) // the line feed, or nothing at the end
	}
	e.begun = true
	for {
		c, err := e.peek()
		switch {
		case err == io.EOF: //nolint:errorlint // a bufio.Reader's EOF is not wrapped
			return false, nil
		case err != nil:
			return false, err
		case !space(c):
			return true, nil
		}
		_, _ = e.src.Discard(1)
	}
}

// nextOfArray skips what is before an element. Errors: arrayError, ErrInvalid for another text than an array.
func (e *elements) nextOfArray() (bool, error) {
	first := !e.begun
	if first {
		if err := e.open(); err != nil {
			return false, err
		}
	} else {
		if _, err := io.Copy(io.Discard, e); err != nil {
			return false, err
		}
		e.index++
	}
	c, err := e.visible()
	switch {
	case err != nil:
		return false, err
	case c == ']':
		_, _ = e.src.Discard(1)
		return false, e.close()
	case first:
		return true, nil
	}
	_, _ = e.src.Discard(1) // the comma: an element ends before nothing else
	if c, err = e.visible(); err == nil && c == ']' {
		err = arrayError("a bracket after a comma")
	}
	return err == nil, err
}

// open reads the bracket that begins the array, and a byte order mark before it.
func (e *elements) open() error {
	if mark, _ := e.src.Peek(len(byteOrderMark)); string(mark) == byteOrderMark {
		_, _ = e.src.Discard(len(mark))
	}
	c, err := e.visible()
	if err != nil {
		return err
	}
	if c != '[' {
		if kind := kindOf(c); kind != "" {
			return fmt.Errorf("%w: the body must be an array of orders, it is %s", ErrInvalid, kind)
		}
		return fmt.Errorf("%w: malformed JSON: %q in place of an array", ErrBadRequest, c)
	}
	e.begun = true
	_, err = e.src.Discard(1)
	return err
}

const byteOrderMark = "\xef\xbb\xbf"

// kindOf returns what the value is that begins with a character, as messages name it; "" if there is none.
func kindOf(c byte) string {
	switch {
	case c == '{':
		return "an object"
	case c == '"':
		return "a string"
	case c == '-', '0' <= c && c <= '9':
		return "a number"
	case c == 't', c == 'f':
		return "a boolean"
	case c == 'n':
		return "null"
	}
	return ""
}

// close reads what follows the array: white space.
func (e *elements) close() error {
	for {
		c, err := e.peek()
		switch {
		case err == io.EOF: //nolint:errorlint // a bufio.Reader's EOF is not wrapped
			return nil
		case err != nil:
			return err
		case !space(c):
			return arrayError("something follows the array")
		}
		_, _ = e.src.Discard(1)
	}
}

// visible skips white space and returns the next character. The array must not end.
func (e *elements) visible() (byte, error) {
	for {
		c, err := e.peek()
		switch {
		case err == io.EOF: //nolint:errorlint // a bufio.Reader's EOF is not wrapped
			return 0, errArrayEnds
		case err != nil, !space(c):
			return c, err
		}
		_, _ = e.src.Discard(1)
	}
}

// arrayError says what is wrong with the text between the elements of an array.
type arrayError string

func (e arrayError) Error() string { return "malformed JSON: " + string(e) }

const errArrayEnds = arrayError("the array does not end")

func (e *elements) peek() (byte, error) {
	p, err := e.src.Peek(1)
	if err != nil {
		return 0, err
	}
	return p[0], nil
}

func space(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// Read implements io.Reader for the present element.
func (e *elements) Read(p []byte) (int, error) {
	if _, err := e.src.Peek(1); err != nil {
		if err == io.EOF && !e.lines {
			return 0, errArrayEnds
		}
		return 0, err
	}
	text, _ := e.src.Peek(min(len(p), e.src.Buffered()))
	end, ended := len(text), false
	if e.lines {
		if i := bytes.IndexByte(text, '\n'); i >= 0 {
			end, ended = i, true
		}
	} else {
		end, ended = e.scan(text)
	}
	n := copy(p, text[:end])
	_, _ = e.src.Discard(n)
	if n == 0 && ended {
		return 0, io.EOF
	}
	return n, nil
}

// scan returns how much of a text belongs to the present element of the array, and whether it ends there: before a
// comma or a bracket that is not part of it.
func (e *elements) scan(text []byte) (end int, ended bool) {
	for i, c := range text {
		switch {
		case e.escaped:
			e.escaped = false
		case e.quoted:
			e.escaped = c == '\\'
			e.quoted = c != '"'
		case c == '"':
			e.quoted = true
		case c == '{', c == '[':
			e.depth++
		case e.depth == 0 && (c == ',' || c == ']'):
			return i, true
		case c == '}', c == ']':
			e.depth = max(0, e.depth-1)
		}
	}
	return len(text), false
}

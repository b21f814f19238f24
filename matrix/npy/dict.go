package npy

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/millrace/millrace/matrix"
)

// dict is the dictionary in a .npy header.
type dict struct {
	descr   string
	fortran bool
	shape   []int64
}

// parseDict parses the text of a .npy header: a Python dictionary with the keys descr (a string), fortran_order (a
// bool) and shape (a tuple of integers), each exactly once, in any order, followed by white space. NumPy evaluates the
// text as Python; this parser accepts just the literals that occur in a valid header of a plain array.
func parseDict(text string) (dict, error) {
	p := &parser{text: text}
	d, err := p.dict()
	if err != nil {
		return dict{}, err
	}
	if p.peek() != 0 || p.pos < len(p.text) {
		return dict{}, p.expected("the end of the header")
	}
	return d, nil
}

// parser is a recursive descent parser. Its methods skip the white space before what they parse.
type parser struct {
	text string
	pos  int
}

// peek skips white space and returns the next byte, or 0 at the end.
func (p *parser) peek() byte {
	for p.pos < len(p.text) && strings.IndexByte(" \t\n\r\f", p.text[p.pos]) >= 0 {
		p.pos++
	}
	if p.pos == len(p.text) {
		return 0
	}
	return p.text[p.pos]
}

// accept consumes c if it comes next.
func (p *parser) accept(c byte) bool {
	if p.peek() != c {
		return false
	}
	p.pos++
	return true
}

// expected returns the error for text that is not what the grammar expects at the present position.
func (p *parser) expected(what string) error {
	return fmt.Errorf("%w: .npy header: expected %s at byte %d, found %s",
		matrix.ErrMalformed, what, p.pos, p.excerpt())
}

// excerpt quotes the start of the remaining text. The header is untrusted and may be long.
func (p *parser) excerpt() string {
	if p.pos == len(p.text) {
		return "the end"
	}
	return quoteShort(p.text[p.pos:])
}

// quoteShort quotes the first few bytes of s.
func quoteShort(s string) string {
	const most = 24
	if len(s) > most {
		return fmt.Sprintf("%q…", s[:most])
	}
	return fmt.Sprintf("%q", s)
}

// dict parses the dictionary.
func (p *parser) dict() (dict, error) {
	var d dict
	seen := make(map[string]bool)
	if !p.accept('{') {
		return d, p.expected("'{'")
	}
	for !p.accept('}') {
		if len(seen) > 0 && !p.accept(',') {
			return d, p.expected("',' or '}'")
		}
		if len(seen) > 0 && p.accept('}') { // NumPy writes a trailing comma.
			break
		}
		if err := p.entry(&d, seen); err != nil {
			return d, err
		}
	}
	for _, key := range []string{"descr", "fortran_order", "shape"} {
		if !seen[key] {
			return d, fmt.Errorf("%w: .npy header: key %q is missing", matrix.ErrMalformed, key)
		}
	}
	return d, nil
}

// entry parses one key and its value into d.
func (p *parser) entry(d *dict, seen map[string]bool) error {
	key, err := p.string("a key")
	if err != nil {
		return err
	}
	if seen[key] {
		return fmt.Errorf("%w: .npy header: key %q comes twice", matrix.ErrMalformed, key)
	}
	if !p.accept(':') {
		return p.expected("':'")
	}
	switch key {
	case "descr":
		d.descr, err = p.descr()
	case "fortran_order":
		d.fortran, err = p.bool()
	case "shape":
		d.shape, err = p.shape()
	default:
		err = fmt.Errorf("%w: .npy header: unknown key %s", matrix.ErrMalformed, quoteShort(key))
	}
	seen[key] = true
	return err
}

// descr parses an element type. For a structured array it is not a string but a list of fields, or a tuple of a type
// and its shape; the error then wraps matrix.ErrUnsupported.
func (p *parser) descr() (string, error) {
	if c := p.peek(); c == '[' || c == '(' {
		return "", fmt.Errorf("%w: structured dtype %s, send one field as an array of its own: a['field']",
			matrix.ErrUnsupported, p.excerpt())
	}
	return p.string("a dtype")
}

// string parses a string without escapes in single or double quotes. The strings of a valid header have no escapes.
func (p *parser) string(what string) (string, error) {
	quote := p.peek()
	if quote != '\'' && quote != '"' {
		return "", p.expected(what)
	}
	rest := p.text[p.pos+1:]
	end := strings.IndexByte(rest, quote)
	if end < 0 || strings.ContainsAny(rest[:end], "\\\n\r") {
		return "", p.expected(what)
	}
	p.pos += end + 2
	return rest[:end], nil
}

// bool parses True or False.
func (p *parser) bool() (bool, error) {
	switch word := p.word(); word {
	case "True", "False":
		p.pos += len(word)
		return word == "True", nil
	default:
		return false, p.expected("True or False")
	}
}

// word returns the letters, digits and underscores that come next, without consuming them.
func (p *parser) word() string {
	p.peek()
	rest := p.text[p.pos:]
	end := strings.IndexFunc(rest, func(c rune) bool {
		return c != '_' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z')
	})
	if end < 0 {
		return rest
	}
	return rest[:end]
}

// shape parses a tuple of integers: (), (3,), (3, 4) or (3, 4,).
func (p *parser) shape() ([]int64, error) {
	if !p.accept('(') {
		return nil, p.expected("a tuple of integers")
	}
	var dims []int64
	comma := true
	for !p.accept(')') {
		if !comma {
			return nil, p.expected("',' or ')'")
		}
		dim, err := p.dimension()
		if err != nil {
			return nil, err
		}
		dims = append(dims, dim)
		comma = p.accept(',')
	}
	if len(dims) == 1 && !comma {
		p.pos--
		return nil, p.expected("',' (in Python, (n) is not a tuple)")
	}
	return dims, nil
}

// dimension parses an integer, or a long integer of Python 2 such as 10L.
func (p *parser) dimension() (int64, error) {
	negative := p.accept('-')
	word := p.word()
	digits := strings.TrimSuffix(word, "L")
	if digits == "" || strings.Trim(digits, "0123456789") != "" || len(digits) > 1 && digits[0] == '0' {
		return 0, p.expected("an integer")
	}
	dim, err := strconv.ParseInt(digits, 10, 64)
	switch {
	case negative:
		return 0, fmt.Errorf("%w: dimension -%s, must not be negative", matrix.ErrShape, quoteDigits(digits))
	case err != nil: // The word consists of digits, so that this is overflow.
		return 0, fmt.Errorf("%w: dimension %s", matrix.ErrTooLarge, quoteDigits(digits))
	}
	p.pos += len(word)
	return dim, nil
}

// quoteDigits shortens a number that may have thousands of digits.
func quoteDigits(digits string) string {
	const most = 24
	if len(digits) > most {
		return digits[:most] + "…"
	}
	return digits
}

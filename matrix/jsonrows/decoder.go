package jsonrows

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
)

// Decoder reads a JSON text token by token, and the arrays of rows in it by a RowReader.
//
// Its methods return a SyntaxError for a text that is not JSON, ErrDuplicateName, ErrLongToken, and the errors of the
// reader that the text comes from.
type Decoder struct {
	input  *input
	tokens *jsontext.Decoder
	row    [shortRow]float64 // memory for the rows of one array at a time
}

// shortRow is the length of a row for which no memory is allocated, in numbers.
const shortRow = 64

// NewDecoder returns a decoder of the text that r yields. Release ends its use.
func NewDecoder(r io.Reader) *Decoder {
	if d, ok := released.Get().(*Decoder); ok {
		d.Reset(r)
		return d
	}
	in := &input{src: r}
	in.tokens = jsontext.NewDecoder(in)
	return &Decoder{
		input:  in,
		tokens: in.tokens,
	}
}

// released has decoders of short texts, whose buffers are small.
var released sync.Pool

// Release gives the memory of the decoder to others. Calling it is optional. Neither the decoder nor what it has read
// by reference may be used afterwards.
func (d *Decoder) Release() {
	if d.input.read > minBuffer {
		return
	}
	d.Reset(noText{})
	released.Put(d)
}

// noText is an empty text.
type noText struct{}

// Read implements io.Reader.
func (noText) Read([]byte) (int, error) { return 0, io.EOF }

// Reset makes the decoder read another text. It keeps its buffers.
func (d *Decoder) Reset(r io.Reader) {
	*d.input = input{
		src:    r,
		buf:    d.input.buf,
		tokens: d.tokens,
	}
	d.tokens.Reset(d.input)
}

// PeekKind returns the kind of the next token without reading it, or jsontext.KindInvalid.
func (d *Decoder) PeekKind() jsontext.Kind { return d.tokens.PeekKind() }

// ReadToken reads the next token. It is valid until the next call of a method.
func (d *Decoder) ReadToken() (jsontext.Token, error) {
	token, err := d.tokens.ReadToken()
	return token, d.fail(err)
}

// ReadValue reads the next value as text. It is valid until the next call of a method.
func (d *Decoder) ReadValue() (jsontext.Value, error) {
	value, err := d.tokens.ReadValue()
	return value, d.fail(err)
}

// ReadType reads the next token and returns its type, as messages name it: "null", "a number", "an object".
func (d *Decoder) ReadType() (string, error) {
	token, err := d.ReadToken()
	if err != nil {
		return "", err
	}
	switch token.Kind() {
	case 'n':
		return "null", nil
	case 't', 'f':
		return "a boolean", nil
	case '"':
		return "a string", nil
	case '0':
		return "a number", nil
	case '{':
		return "an object", nil
	case '[':
		return "an array", nil
	}
	return token.Kind().String(), nil
}

// Skip reads a token whose kind the caller knows.
func (d *Decoder) Skip() error {
	_, err := d.ReadToken()
	return err
}

// End reads the rest of the text, which must be white space.
func (d *Decoder) End() error {
	_, err := d.tokens.ReadToken()
	switch {
	case errors.Is(err, io.EOF) && d.input.failed() == nil:
		return nil
	case err != nil:
		return d.fail(err)
	}
	return newSyntaxError("something follows the value", d.input.offset())
}

// fail returns the error for one of the jsontext decoder. Its offsets are those of the text without the rows, and it
// does not know in which array it is.
func (d *Decoder) fail(err error) error {
	if err == nil {
		return nil
	}
	if cause := d.input.failed(); cause != nil {
		return cause
	}
	var syntax *jsontext.SyntacticError
	switch {
	case errors.Is(err, ErrLongToken):
		return ErrLongToken
	case errors.Is(err, io.EOF):
		return newSyntaxError(io.ErrUnexpectedEOF.Error(), d.input.offset())
	case errors.Is(err, jsontext.ErrDuplicateName) && errors.As(err, &syntax):
		return fmt.Errorf("%w %.60q", ErrDuplicateName, syntax.JSONPointer.LastToken())
	case errors.As(err, &syntax):
		inText := *syntax
		inText.ByteOffset += d.input.scanned
		if d.input.scanned > 0 {
			inText.JSONPointer = ""
		}
		err = &inText
	}
	text := strings.TrimPrefix(err.Error(), "jsontext: ")
	if notFinite.MatchString(text) {
		text += noNaN
	}
	return SyntaxError{text}
}

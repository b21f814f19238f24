package handlers

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// jsonReader reads the JSON forms of operands as a stream: the numbers of a matrix go to the store as they come, never
// through a tree of values. Memory is one stripe of rows, whatever the size of the body.
type jsonReader struct {
	*jsontext.Decoder
	input    *jsonInput
	operands *operands
}

func newJSONReader(r io.Reader, o *operands) *jsonReader {
	input := &jsonInput{src: r}
	decoder := jsontext.NewDecoder(input)
	input.decoded = decoder.InputOffset
	return &jsonReader{Decoder: decoder, input: input, operands: o}
}

// object reads an object and calls member for the value of each of its members.
func (j *jsonReader) object(at string, member func(name string) error) error {
	if err := j.begin(at, '{', "an object"); err != nil {
		return err
	}
	for j.PeekKind() != '}' {
		token, err := j.ReadToken()
		if err != nil {
			return j.malformed(err)
		}
		if err := member(token.String()); err != nil {
			return err
		}
	}
	return j.end()
}

// begin reads the token that opens an object or an array.
func (j *jsonReader) begin(at string, kind jsontext.Kind, what string) error {
	if got := j.PeekKind(); got != kind {
		return j.unexpected(at, what)
	}
	return j.end()
}

// end reads a token of which only the kind matters.
func (j *jsonReader) end() error {
	if _, err := j.ReadToken(); err != nil {
		return j.malformed(err)
	}
	return nil
}

// eof checks that nothing follows.
func (j *jsonReader) eof() error {
	switch _, err := j.ReadToken(); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return j.malformed(err)
	}
	return fmt.Errorf("%w: something follows after the end of the JSON value", errBadRequest)
}

// malformed says that the body is not JSON, unless the body could not be read at all.
func (j *jsonReader) malformed(err error) error {
	var syntax *jsontext.SyntacticError
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName):
		return fmt.Errorf("%w: %s", errInvalid, trimPrefix(err))
	case errors.As(err, &syntax):
		inBody := *syntax
		inBody.ByteOffset += j.input.scanned
		if j.input.scanned > 0 {
			inBody.JSONPointer = "" // the decoder has not seen the rows
		}
		return fmt.Errorf("%w: malformed JSON: %s", errBadRequest, trimPrefix(&inBody))
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return fmt.Errorf("%w: malformed JSON: %s", errBadRequest, trimPrefix(err))
	}
	if cause := errors.Unwrap(err); cause != nil {
		return cause
	}
	return err
}

func trimPrefix(err error) string { return strings.TrimPrefix(err.Error(), "jsontext: ") }

// unexpected says that a value at a place is not what it should be; if it is not even JSON, that.
func (j *jsonReader) unexpected(at, want string) error {
	token, err := j.ReadToken()
	if err != nil {
		return j.malformed(err)
	}
	got := map[jsontext.Kind]string{
		'n': "null", 't': "a boolean", 'f': "a boolean", '"': "a string", '0': "a number", '{': "an object", '[': "an array",
	}[token.Kind()]
	return fmt.Errorf("%w: %s must be %s, it is %s", errInvalid, at, want, got)
}

func unknownMember(at, name, known string) error {
	return fmt.Errorf("%w: %s has no member %.60q, there are %s", errInvalid, at, name, known)
}

// integer reads a whole number between low and high.
func (j *jsonReader) integer(at string, low, high int64) (int64, error) {
	text, err := j.number(at)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < low || n > high {
		return 0, fmt.Errorf("%w: %s must be a whole number from %d to %d, it is %.40s", errInvalid, at, low, high, text)
	}
	return n, nil
}

// number reads the text of a number; it is valid until the next read.
func (j *jsonReader) number(at string) (string, error) {
	if j.PeekKind() != '0' {
		return "", j.unexpected(at, "a number")
	}
	value, err := j.ReadValue()
	if err != nil {
		return "", j.malformed(err)
	}
	return string(value), nil
}

// text reads a string.
func (j *jsonReader) text(at string) (string, error) {
	if j.PeekKind() != '"' {
		return "", j.unexpected(at, "a string")
	}
	token, err := j.ReadToken()
	if err != nil {
		return "", j.malformed(err)
	}
	return token.String(), nil
}

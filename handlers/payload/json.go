package payload

import (
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/jsonrows"
)

// jsonReader reads the JSON forms of operands as a stream: the numbers of a matrix go to the intake as they come.
type jsonReader struct {
	*jsonrows.Decoder
	intake *Intake
	batch  *Orders // that the text is part of; nil for a body of its own
}

func newJSONReader(r io.Reader, in *Intake) *jsonReader {
	return &jsonReader{
		Decoder: jsonrows.NewDecoder(r),
		intake:  in,
	}
}

// jsonError makes what is wrong with a JSON text a fault of the request. Other errors, those of a matrix included,
// stay as they are.
func jsonError(err error) error {
	var syntax jsonrows.SyntaxError
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("%w: %w", ErrBadRequest, err)
	case errors.Is(err, jsonrows.ErrDuplicateName), errors.Is(err, jsonrows.ErrLongToken):
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return err
}

// members reads an object and yields the name of each member, or an error as the last pair. The loop must read the
// value.
func (j *jsonReader) members(at string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if err := j.expect('{', at, "an object"); err != nil {
			yield("", err)
			return
		}
		if err := j.Skip(); err != nil {
			yield("", err)
			return
		}
		for j.PeekKind() != '}' {
			name, err := j.ReadToken()
			if err != nil {
				yield("", err)
				return
			}
			if !yield(name.String(), nil) {
				return
			}
		}
		if err := j.Skip(); err != nil {
			yield("", err)
		}
	}
}

// expect returns ErrInvalid unless the next value is of the given kind. at and want name its place and that kind.
func (j *jsonReader) expect(kind jsontext.Kind, at, want string) error {
	if j.PeekKind() == kind {
		return nil
	}
	got, err := j.ReadType()
	if err != nil {
		return err
	}
	return fmt.Errorf("%w: %s must be %s, it is %s", ErrInvalid, at, want, got)
}

func unknownMember(at, name, known string) error {
	return fmt.Errorf("%w: %s has no member %.60q, there are %s", ErrInvalid, at, name, known)
}

// integer reads a whole number from low to high.
func (j *jsonReader) integer(at string, low, high int64) (int64, error) {
	if err := j.expect('0', at, "a number"); err != nil {
		return 0, err
	}
	text, err := j.ReadValue()
	if err != nil {
		return 0, err
	}
	n, ok := parseInteger(string(text))
	if !ok || n < low || n > high {
		return 0, fmt.Errorf("%w: %s must be a whole number from %d to %d, it is %.40s", ErrInvalid, at, low, high, text)
	}
	return n, nil
}

// text reads a string.
func (j *jsonReader) text(at string) (string, error) {
	if err := j.expect('"', at, "a string"); err != nil {
		return "", err
	}
	token, err := j.ReadToken()
	if err != nil {
		return "", err
	}
	return token.String(), nil
}

// boolean reads true or false.
func (j *jsonReader) boolean(at string) (*bool, error) {
	token, err := j.ReadToken()
	if err != nil {
		return nil, err
	}
	yes := token.Kind() == 't'
	if !yes && token.Kind() != 'f' {
		return nil, fmt.Errorf("%w: %s must be true or false", ErrInvalid, at)
	}
	return &yes, nil
}

// dtype reads the name of an element type.
func (j *jsonReader) dtype(at string) (matrix.DType, error) {
	name, err := j.text(at)
	if err != nil {
		return "", err
	}
	dtype, err := matrix.ParseDType(name)
	if err != nil || name == "" { // ParseDType takes "" for float64
		return "", fmt.Errorf("%w: %s must be %q or %q, it is %.40q", ErrInvalid, at, matrix.Float64, matrix.Float32, name)
	}
	return dtype, nil
}

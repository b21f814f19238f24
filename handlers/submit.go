package handlers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/store"
)

// acceptedOutput is the answer to a submission.
type acceptedOutput struct {
	Status            int
	Location          string `header:"Location" doc:"Path of the multiplication"`
	PreferenceApplied string `header:"Preference-Applied" doc:"wait=N, if the answer has waited for the end or N seconds"`
	Body              Multiplication
}

// submitInput is the request for a product.
type submitInput struct {
	body
	Waiting
}

// Resolve implements huma.Resolver.
func (in *submitInput) Resolve(ctx huma.Context) []error {
	return append(in.body.Resolve(ctx), in.Waiting.Resolve(ctx)...)
}

// submission gathers the members of a request for a product, in whatever order they come.
type submission struct {
	jobs.Submission
	hasA, hasB bool
}

// take notes one operand.
func (s *submission) take(name string, o jobs.Operand) {
	if name == "a" {
		s.A, s.hasA = o, true
	} else {
		s.B, s.hasB = o, true
	}
}

func (s *submission) check(a, b string) error {
	if !s.hasA || !s.hasB {
		return fmt.Errorf("%w: both %q and %q are required", errInvalid, a, b)
	}
	return nil
}

// submit answers POST /v1/multiplications.
func (a *API) submit(ctx context.Context, in *submitInput) (*acceptedOutput, error) {
	kind, params, err := in.mediaType()
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	switch kind {
	case mediaJSON:
		return a.accept(ctx, in, func(o *operands) (submission, error) { return readSubmission(in.reader, o) })
	case mediaMultipart:
		return a.accept(ctx, in, func(o *operands) (submission, error) {
			s, err := readMultipart(multipart.NewReader(in.reader, params["boundary"]), o)
			if err == nil {
				err = drain(in.reader)
			}
			return s, err
		})
	}
	return nil, a.fail(ctx, fmt.Errorf("%w: %s, send %s or %s", errMediaType, kind, mediaJSON, mediaMultipart))
}

// submitSimple answers POST /matrix_multiplication/.
func (a *API) submitSimple(ctx context.Context, in *submitInput) (*acceptedOutput, error) {
	kind, _, err := in.mediaType()
	if err == nil && kind != mediaJSON {
		err = fmt.Errorf("%w: %s, send %s", errMediaType, kind, mediaJSON)
	}
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	return a.accept(ctx, in, func(o *operands) (submission, error) { return readSimple(in.reader, o) })
}

// accept reads a submission, queues it, and answers with what was queued. If anything is wrong, nothing of it stays.
func (a *API) accept(ctx context.Context, in *submitInput, read func(*operands) (submission, error)) (*acceptedOutput, error) {
	o := &operands{ctx: ctx, store: a.store, limit: a.limits.MaxMatrixBytes}
	s, err := read(o)
	var status store.Status
	if err == nil {
		s.MaxBytes = a.limits.MaxMatrixBytes
		status, err = a.jobs.Submit(ctx, s.Submission)
	}
	if err != nil {
		if e := o.abort(); e != nil {
			a.log.WarnContext(ctx, "removing the operands of a rejected request", "error", e)
		}
		return nil, a.fail(ctx, err)
	}
	id := status.Multiplication.ID
	out := &acceptedOutput{Status: http.StatusAccepted, Location: multiplicationPath(id), Body: a.multiplicationBody(status)}
	a.awaitAccepted(ctx, in.Waiting, id, out)
	return out, nil
}

// readSubmission reads {"a": OPERAND, "b": OPERAND, "priority": 1..4}.
func readSubmission(r io.Reader, o *operands) (submission, error) {
	return readMembers(r, o, "a", "b", func(j *jsonReader, s *submission, name string) error {
		switch name {
		case "a", "b":
			operand, err := j.operand(name)
			s.take(name, operand)
			return err
		case "priority":
			n, err := j.integer(name, 1, 4)
			s.Priority = int(n)
			return err
		}
		return unknownMember("the body", name, `"a", "b" and "priority"`)
	})
}

// readSimple reads {"A": [[…]], "B": [[…]]}.
func readSimple(r io.Reader, o *operands) (submission, error) {
	return readMembers(r, o, "A", "B", func(j *jsonReader, s *submission, name string) error {
		if name != "A" && name != "B" {
			return unknownMember("the body", name, `"A" and "B"`)
		}
		operand, err := j.values(name)
		s.take(strings.ToLower(name), operand)
		return err
	})
}

// readMembers reads an object that must have the operands a and b.
func readMembers(
	r io.Reader, o *operands, a, b string, member func(j *jsonReader, s *submission, name string) error,
) (submission, error) {
	s := submission{Submission: jobs.Submission{Priority: jobs.DefaultPriority}}
	j := newJSONReader(r, o)
	if err := j.object("the body", func(name string) error { return member(j, &s, name) }); err != nil {
		return s, err
	}
	if err := j.eof(); err != nil {
		return s, err
	}
	return s, s.check(a, b)
}

// maxEpilogue is how many bytes may follow the last part of a multipart body; they mean nothing.
const maxEpilogue = 64 << 10

// drain reads what is left of a body: only when all of it has been read does the server notice a client that hangs up.
func drain(r io.Reader) error {
	n, err := io.Copy(io.Discard, io.LimitReader(r, maxEpilogue))
	if err == nil && n == maxEpilogue {
		err = fmt.Errorf("%w: something follows after the last part", errBadRequest)
	}
	return err
}

// maxFieldBytes is the size of a form field that is not a matrix.
const maxFieldBytes = 100

// readMultipart reads the parts a and b as .npy files, and priority.
func readMultipart(r *multipart.Reader, o *operands) (submission, error) {
	var s submission
	for {
		part, err := r.NextRawPart()
		if err == io.EOF { // wrapped, it is a body that ends too early
			s.Priority = cmp.Or(s.Priority, jobs.DefaultPriority)
			return s, s.check("a", "b")
		}
		if err != nil {
			return s, multipartError(err)
		}
		if err := s.readPart(part, o); err != nil {
			return s, err
		}
	}
}

func (s *submission) readPart(part *multipart.Part, o *operands) error {
	name := part.FormName()
	switch {
	case name == "a" && !s.hasA, name == "b" && !s.hasB:
		operand, err := o.readNPY(partReader{part}, -1)
		if err != nil {
			return fmt.Errorf("part %s: %w", name, err)
		}
		s.take(name, operand)
		return nil
	case name == "a", name == "b", name == "priority" && s.Priority != 0:
		return fmt.Errorf("%w: there are two parts %q", errInvalid, name)
	case name == "priority":
		return s.readPriority(part)
	}
	return fmt.Errorf("%w: there is no part %.60q, there are a, b and priority", errInvalid, name)
}

// readPriority reads the part that is not a file.
func (s *submission) readPriority(part *multipart.Part) error {
	text, err := io.ReadAll(io.LimitReader(partReader{part}, maxFieldBytes))
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(string(text))
	if err != nil || n < 1 || n > 4 {
		return fmt.Errorf("%w: priority must be a whole number from 1 to 4, it is %.40q", errInvalid, text)
	}
	s.Priority = n
	return nil
}

// partReader gives the errors of the multipart reader their form, before they mix with those of the store.
type partReader struct{ *multipart.Part }

func (p partReader) Read(b []byte) (int, error) {
	n, err := p.Part.Read(b)
	if err != nil && err != io.EOF { //nolint:errorlint // io.Reader's EOF is never wrapped
		err = multipartError(err)
	}
	return n, err
}

// multipartError calls what the multipart reader finds wrong a fault of the request. It has no error values of its own,
// but everything that it passes on from below has.
func multipartError(err error) error {
	if errors.Is(err, errBadRequest) || errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	return fmt.Errorf("%w: malformed multipart body: %w", errBadRequest, err)
}

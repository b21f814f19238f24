package handlers

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/millrace/millrace/handlers/resource"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/store"
)

// acceptedOutput is the answer to a submission.
type acceptedOutput struct {
	Status            int
	Location          string `header:"Location"`
	PreferenceApplied string `header:"Preference-Applied"`
	Replayed
	Body rendered[resource.Multiplication]
}

// submitInput is the request for a product.
type submitInput struct {
	StreamedBody
	Waiting
}

// Resolve implements huma.Resolver.
func (in *submitInput) Resolve(ctx huma.Context) []error {
	return append(in.StreamedBody.Resolve(ctx), in.Waiting.Resolve(ctx)...)
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
	r, err := in.request(mediaJSON, mediaMultipart)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	answer, err := a.accept(ctx, r, func(o *operands) (submission, error) {
		if r.body.form != nil {
			return readMultipart(r.body.form, o)
		}
		return readSubmission(r.body, o)
	})
	return a.accepted(ctx, in.Waiting, answer, err)
}

// submitSimple answers POST /matrix_multiplication/.
func (a *API) submitSimple(ctx context.Context, in *submitInput) (*acceptedOutput, error) {
	r, err := in.request(mediaJSON)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	answer, err := a.accept(ctx, r, func(o *operands) (submission, error) { return readSimple(r.body, o) })
	return a.accepted(ctx, in.Waiting, answer, err)
}

// accepted is the answer to a submission as it is sent: at once, or when the product has ended.
func (a *API) accepted(ctx context.Context, w Waiting, answer reply, err error) (*acceptedOutput, error) {
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	out := &acceptedOutput{
		Status: answer.status, Location: answer.location, Replayed: answer.header(),
		Body: rendered[resource.Multiplication]{text: answer.body},
	}
	a.awaitAccepted(ctx, w, out)
	return out, nil
}

// accept reads a submission, queues it, and returns the answer. If anything is wrong, nothing of it stays.
func (a *API) accept(ctx context.Context, r request, read func(*operands) (submission, error)) (reply, error) {
	o := &operands{ctx: ctx, store: a.store, limit: a.limits.MaxMatrixBytes}
	var s submission
	answer, err := a.once(ctx, r, func() (err error) {
		s, err = read(o)
		return err
	}, func(keep keepTx) error {
		s.MaxBytes, s.AnswerTx = a.limits.MaxMatrixBytes, a.showTx(http.StatusAccepted, keep)
		_, err := a.jobs.Submit(ctx, s.Submission)
		return err
	})
	o.end(err == nil && !answer.replayed, a.log)
	return answer, err
}

// showTx answers with a multiplication as the transaction leaves it.
func (a *API) showTx(status int, keep keepTx) jobs.AnswerTx {
	return func(ctx context.Context, q *store.Queries, s store.Status) error {
		answer, err := newReply(status, multiplicationPath(s.Multiplication.ID), a.multiplicationBody(s))
		if err != nil {
			return err
		}
		return keep(ctx, q, answer)
	}
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

// maxFieldBytes is the size of a form field that is not a matrix.
const maxFieldBytes = 100

// readMultipart reads the parts a and b as .npy files, and priority.
func readMultipart(r *formReader, o *operands) (submission, error) {
	var s submission
	for {
		part, err := r.next()
		if err == io.EOF { //nolint:errorlint // wrapped, it is a body that ends too early
			s.Priority = cmp.Or(s.Priority, jobs.DefaultPriority)
			return s, s.check("a", "b")
		}
		if err != nil {
			return s, err
		}
		if err := s.readPart(part, o); err != nil {
			return s, err
		}
	}
}

func (s *submission) readPart(part *formPart, o *operands) error {
	name := part.name
	switch {
	case name == "a" && !s.hasA, name == "b" && !s.hasB:
		operand, err := o.readNPY(part, -1)
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
func (s *submission) readPriority(part io.Reader) error {
	text, err := io.ReadAll(io.LimitReader(part, maxFieldBytes))
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

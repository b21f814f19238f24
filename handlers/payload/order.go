package payload

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/store/objects"
	"github.com/millrace/millrace/store/retention"
	"github.com/millrace/millrace/webhook"
)

// ReadOrder reads the two operands and the priority of a multiplication, and verifies the body. The body is one of
//   - JSON: {"a": OPERAND, "b": OPERAND, "priority": N, "retention_seconds": N, "output": {"s3": …}, "webhook": URL,
//     "reuse": BOOLEAN},
//   - a form with the .npy files a and b, and the fields priority, retention_seconds, webhook and reuse.
//
// All but the operands may be absent. The priority is jobs.DefaultPriority then.
//
// Errors are ErrBadRequest, ErrInvalid, those of package matrix and of the store.
func ReadOrder(ctx context.Context, body *Body, in *Intake) (jobs.Submission, error) {
	in.expect(body.size)
	if body.form != nil {
		s, err := readForm(ctx, body.form, in)
		return verified(body, s, err)
	}
	j := newJSONReader(body.reader, in)
	defer j.Release()
	s, err := readOrder(ctx, j)
	return verified(body, s, jsonError(err))
}

// ReadSimpleOrder reads two operands from JSON of the form {"A": [[…]], "B": [[…]]}. Errors are those of ReadOrder.
func ReadSimpleOrder(ctx context.Context, body *Body, in *Intake) (jobs.Submission, error) {
	j := newJSONReader(body.reader, in)
	defer j.Release()
	s, err := readSimpleOrder(ctx, j)
	return verified(body, s, jsonError(err))
}

// verified returns what was read of a body, if that was possible and the body is what its headers claim.
func verified[T any](body *Body, read T, err error) (T, error) {
	if err == nil {
		err = body.Verify()
	}
	return read, err
}

// order gathers the members of a submission, which come in any sequence.
type order struct {
	a, b      *jobs.Operand
	priority  int   // 0 if there is none
	retention int64 // in seconds; 0 if there is none
	output    *objects.Output
	webhook   string
	reuse     *bool // nil: it may have an earlier result
}

// submission checks that nothing is missing. a and b are the names of the operands in the body.
func (o *order) submission(a, b string) (jobs.Submission, error) {
	if o.a == nil || o.b == nil {
		return jobs.Submission{}, fmt.Errorf("%w: both %q and %q are required", ErrInvalid, a, b)
	}
	return jobs.Submission{
		A:         *o.a,
		B:         *o.b,
		Priority:  cmp.Or(o.priority, jobs.DefaultPriority),
		Retention: time.Duration(o.retention) * time.Second,
		Output:    o.output,
		Webhook:   o.webhook,
		Compute:   o.reuse != nil && !*o.reuse,
	}, nil
}

func readOrder(ctx context.Context, j *jsonReader) (jobs.Submission, error) {
	var o order
	for name, err := range j.members("the body") {
		if err != nil {
			return jobs.Submission{}, err
		}
		switch name {
		case "a":
			o.a, err = j.operand(ctx, name)
		case "b":
			o.b, err = j.operand(ctx, name)
		case "priority":
			var n int64
			n, err = j.integer(name, jobs.MinPriority, jobs.MaxPriority)
			o.priority = int(n)
		case "retention_seconds":
			o.retention, err = j.integer(name, minRetention, maxRetention)
		case "output":
			o.output, err = j.output(ctx, name)
		case "reuse":
			o.reuse, err = j.boolean(name)
		case "webhook":
			if o.webhook, err = j.text(name); err == nil && o.webhook == "" {
				err = errNoWebhook
			}
		default:
			err = unknownMember("the body", name,
				`"a", "b", "priority", "retention_seconds", "output", "webhook" and "reuse"`)
		}
		if err != nil {
			return jobs.Submission{}, err
		}
	}
	if err := j.End(); err != nil {
		return jobs.Submission{}, err
	}
	return o.submission("a", "b")
}

func readSimpleOrder(ctx context.Context, j *jsonReader) (jobs.Submission, error) {
	var o order
	for name, err := range j.members("the body") {
		if err != nil {
			return jobs.Submission{}, err
		}
		switch name {
		case "A":
			o.a, err = j.values(ctx, name)
		case "B":
			o.b, err = j.values(ctx, name)
		default:
			err = unknownMember("the body", name, `"A" and "B"`)
		}
		if err != nil {
			return jobs.Submission{}, err
		}
	}
	if err := j.End(); err != nil {
		return jobs.Submission{}, err
	}
	return o.submission("A", "B")
}

// readForm reads the parts a and b as .npy files, and priority as a field.
func readForm(ctx context.Context, f *form, in *Intake) (jobs.Submission, error) {
	var o order
	for part, err := range f.parts() {
		if err != nil {
			return jobs.Submission{}, err
		}
		switch name := part.name; {
		case name == "a" && o.a == nil:
			o.a, err = in.readFile(ctx, part)
		case name == "b" && o.b == nil:
			o.b, err = in.readFile(ctx, part)
		case name == "priority" && o.priority == 0:
			o.priority, err = readField(part, jobs.MinPriority, jobs.MaxPriority)
		case name == "retention_seconds" && o.retention == 0:
			var n int
			n, err = readField(part, minRetention, maxRetention)
			o.retention = int64(n)
		case name == "webhook" && o.webhook == "":
			o.webhook, err = readText(part)
		case name == "reuse" && o.reuse == nil:
			o.reuse, err = readBoolean(part)
		case name == "a", name == "b", name == "priority", name == "retention_seconds", name == "webhook", name == "reuse":
			err = fmt.Errorf("%w: there are two parts %q", ErrInvalid, name)
		default:
			err = fmt.Errorf("%w: there is no part %.60q, there are a, b, priority, retention_seconds, webhook and reuse",
				ErrInvalid, name)
		}
		if err != nil {
			return jobs.Submission{}, err
		}
	}
	return o.submission("a", "b")
}

// readFile stores the .npy file in a part.
func (in *Intake) readFile(ctx context.Context, p *part) (*jobs.Operand, error) {
	o, err := in.readNPY(ctx, p, -1)
	if err != nil {
		return nil, fmt.Errorf("part %s: %w", p.name, err)
	}
	return o, nil
}

// readBoolean reads a field that is true or false.
func readBoolean(p *part) (*bool, error) {
	text, err := io.ReadAll(io.LimitReader(p, maxFieldBytes))
	if err != nil {
		return nil, err
	}
	yes := string(text) == "true"
	if !yes && string(text) != "false" {
		return nil, fmt.Errorf("%w: %s must be true or false, it is %.40q", ErrInvalid, p.name, text)
	}
	return &yes, nil
}

// errNoWebhook is the error for an empty url.
var errNoWebhook = fmt.Errorf("%w: webhook must be the url of a webhook: leave it out for none", ErrInvalid)

// readText reads the url of a webhook.
func readText(p *part) (string, error) {
	text, err := io.ReadAll(io.LimitReader(p, webhook.MaxURL+1)) // one that is longer is refused for its length
	if err == nil && len(text) == 0 {
		err = errNoWebhook
	}
	return string(text), err
}

// maxFieldBytes is the size of a field of a form that is a number.
const maxFieldBytes = 100

// The bounds of any retention, in seconds. Settings narrow them.
const (
	minRetention = int64(retention.Least / time.Second)
	maxRetention = int64(retention.Most / time.Second)
)

// readField reads a field that is a whole number.
func readField(p *part, least, most int64) (int, error) {
	text, err := io.ReadAll(io.LimitReader(p, maxFieldBytes))
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(string(text))
	if err != nil || int64(n) < least || int64(n) > most {
		return 0, fmt.Errorf("%w: %s must be a whole number from %d to %d, it is %.40q",
			ErrInvalid, p.name, least, most, text)
	}
	return n, nil
}

package bulk

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/google/uuid"

	"github.com/millrace/millrace/handlers/apidoc"
	"github.com/millrace/millrace/handlers/problem"
	"github.com/millrace/millrace/handlers/resource"
	"github.com/millrace/millrace/jobs"
)

// writer writes the items of a response as JSON. Most have one form, which it writes member by member: rendering ten
// thousand through reflection would take longer than accepting them.
type writer struct {
	w      http.ResponseWriter
	lines  bool
	prefix string // of paths
	buf    []byte
	items  int
	err    error // the client is gone
}

// writerBuffer is how much is sent at once, in bytes.
const writerBuffer = 32 << 10

func newWriter(w http.ResponseWriter, lines bool, prefix string) *writer {
	return &writer{
		w:      w,
		lines:  lines,
		prefix: prefix,
		buf:    make([]byte, 0, writerBuffer+writerBuffer/4),
	}
}

func (w *writer) begin() {
	if !w.lines {
		w.buf = append(w.buf, `{"items":[`...)
	}
}

func (w *writer) end() {
	if !w.lines {
		w.buf = append(w.buf, "]}\n"...)
	}
	w.send()
}

// flush sends what there is to the client.
func (w *writer) flush() {
	w.send()
	if w.err == nil {
		w.err = http.NewResponseController(w.w).Flush()
	}
}

func (w *writer) send() {
	if w.err == nil {
		_, w.err = w.w.Write(w.buf)
	}
	w.buf = w.buf[:0]
}

// all writes the items of outcomes.
func (w *writer) all(outcomes []outcome, found map[uuid.UUID]finding) {
	for _, o := range outcomes {
		w.item(o, found[o.ID])
	}
}

// item writes an item; f is the zero value if nothing is known beyond the outcome.
func (w *writer) item(o outcome, f finding) {
	if !w.lines && w.items > 0 {
		w.buf = append(w.buf, ',')
	}
	w.items++
	if o.problem != nil {
		w.problem(o.problem)
	} else {
		w.multiplication(o, f)
	}
	if w.lines {
		w.buf = append(w.buf, '\n')
	}
	if len(w.buf) >= writerBuffer {
		w.send()
	}
}

func (w *writer) problem(p *problem.Problem) {
	text, err := json.Marshal(resource.BatchItem{Status: p.Status, Problem: p})
	if err != nil {
		w.err = err
	}
	w.buf = append(w.buf, resource.Below(w.prefix, text)...)
}

func (w *writer) multiplication(o outcome, f finding) {
	status, state := http.StatusAccepted, o.State
	if f.State != "" {
		state = f.State
		if state.Final() {
			status = http.StatusOK
		}
	}
	w.buf = append(w.buf, `{"status":`...)
	w.buf = strconv.AppendInt(w.buf, int64(status), 10)
	w.buf = append(w.buf, `,"id":"`...)
	w.id(o.ID)
	w.buf = append(w.buf, `","state":"`...)
	w.buf = append(w.buf, state...)
	w.buf = append(w.buf, '"')
	if o.Reused {
		w.buf = append(w.buf, `,"reused":true`...)
	}
	if f.State == jobs.Failed {
		failure, _ := json.Marshal(resource.Bounded(f.Failure))
		w.buf = append(append(w.buf, `,"failure":`...), failure...)
	}
	if f.State == jobs.Completed {
		w.result(f)
	}
	w.buf = append(w.buf, `,"links":{"self":"`...)
	w.path(o.ID)
	w.buf = append(w.buf, `"}}`...)
}

// result writes the member that has the result.
func (w *writer) result(f finding) {
	c := f.C.Shape
	w.buf = append(w.buf, `,"result":{"matrix_id":"`...)
	w.id(f.C.ID)
	w.buf = append(w.buf, `","rows":`...)
	w.buf = strconv.AppendInt(w.buf, c.Rows, 10)
	w.buf = append(w.buf, `,"cols":`...)
	w.buf = strconv.AppendInt(w.buf, c.Cols, 10)
	w.buf = append(w.buf, `,"dtype":"`...)
	w.buf = append(w.buf, c.DType...)
	w.buf = append(w.buf, `","href":"`...)
	w.path(f.ID)
	w.buf = append(w.buf, `/result","bytes":`...)
	w.buf = strconv.AppendInt(w.buf, c.Bytes(), 10)
	w.buf = append(w.buf, `,"verified":true`...)
	if f.values != nil {
		w.buf = append(w.buf, `,"values":`...)
		for _, c := range f.values {
			if c != ' ' { // as encoding/json compacts it
				w.buf = append(w.buf, c)
			}
		}
	}
	w.buf = append(w.buf, '}')
}

// path writes the path of a multiplication.
func (w *writer) path(id uuid.UUID) {
	w.buf = append(w.buf, w.prefix...)
	w.buf = append(w.buf, apidoc.MultiplicationsPath...)
	w.buf = append(w.buf, '/')
	w.id(id)
}

// id writes a UUID.
func (w *writer) id(id uuid.UUID) {
	const digits = "0123456789abcdef"
	for i, b := range id {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			w.buf = append(w.buf, '-')
		}
		w.buf = append(w.buf, digits[b>>4], digits[b&15])
	}
}

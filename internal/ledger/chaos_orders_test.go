package ledger_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"sync"

	"github.com/millrace/millrace/matrix"
)

// with returns orders with a fate.
func with(f fate, next func() order) func() order {
	return func() order {
		o := next()
		o.fate = f
		return o
	}
}

// formed is a multiplication whose operands are two files in its request.
func formed() order {
	const side = 120
	a, b := integers(side, 90), integers(90, side)
	o := small()
	o.kind = "formed"
	o.check = func(r result) error {
		got, err := r.window("")
		if err != nil {
			return err
		}
		return compare(got, a, b)
	}
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	for name, values := range map[string][][]float64{"a": a, "b": b} {
		part, err := w.CreateFormFile(name, name+".npy")
		if err == nil {
			_, err = part.Write(npyOf(values))
		}
		if err != nil {
			panic(err) // a Buffer does not fail
		}
	}
	_ = w.Close()
	o.media = w.FormDataContentType()
	o.body = func(func([]byte) (string, error)) ([]byte, error) { return form.Bytes(), nil }
	return o
}

// shared returns orders of stored matrices that are uploaded again and again, so that uploads share their blocks.
func shared() func() order {
	o := stored()
	o.kind = "shared"
	return func() order { return o }
}

// heavy is a multiplication of random matrices whose four tiles take a while; its result is checked by Freivalds.
func heavy() order {
	const m, n = 2600, 2100
	k := scaled[int64](800, 5000)/2 + rand.Int64N(scaled[int64](800, 5000))
	seed := rand.Int64N(1 << 40)
	o := seeded("heavy", m, k, n, 4, seed)
	o.check = func(r result) error {
		file, err := r.npy()
		if err != nil {
			return err
		}
		return freivalds(file, m, k, n, seed)
	}
	return o
}

// freivalds compares C·x with A·(B·x), C in a .npy file and A and B random matrices, for a random x of 1 and -1.
func freivalds(file []byte, m, k, n, seed int64) error {
	const prefix = 10
	if len(file) < prefix {
		return fmt.Errorf("%w: %d bytes", errWrong, len(file))
	}
	elements := file[prefix+int(binary.LittleEndian.Uint16(file[prefix-2:])):]
	if int64(len(elements)) != m*n*4 {
		return fmt.Errorf("%w: %d bytes of elements, want %d", errWrong, len(elements), m*n*4)
	}
	x := make([]float64, n)
	for j := range x {
		x[j] = float64(2*rand.IntN(2) - 1)
	}
	a := generatedElements(m, k, seed, m*k)
	b := generatedElements(k, n, seed+1, k*n)
	y, yScale := make([]float64, k), make([]float64, k)
	for l := range k {
		for j, element := range b[l*n : (l+1)*n] {
			y[l] += float64(element) * x[j]
			yScale[l] += math.Abs(float64(element))
		}
	}
	for i := range m {
		var got, want, scale float64
		for j := range n {
			got += float64(math.Float32frombits(binary.LittleEndian.Uint32(elements[4*(i*n+j):]))) * x[j]
		}
		for l, element := range a[i*k : (i+1)*k] {
			want += float64(element) * y[l]
			scale += math.Abs(float64(element)) * yScale[l]
		}
		if diff := math.Abs(got - want); !(diff <= 1e-6*scale) {
			return fmt.Errorf("%w: row %d times x is %g, want %g", errWrong, i, got, want)
		}
	}
	return nil
}

// generatedElements returns all elements of a random matrix.
func generatedElements(rows, cols, seed, count int64) []float32 {
	elements := make([]float32, count)
	shape := matrix.Shape{
		Rows:  rows,
		Cols:  cols,
		DType: matrix.Float32,
	}
	all := matrix.Rect{
		Rows: rows,
		Cols: cols,
	}
	if err := matrix.NewRandom(shape, uint64(seed)).ReadRect(context.Background(), all, matrix.AsBytes(elements)); err != nil {
		panic(err) // it only fails when its context ends
	}
	return elements
}

// bulk submits many multiplications in one request, some of which are none, and follows each that is accepted.
func (l *load) bulk(ctx context.Context) error {
	const invalid = `{"a": {"values": [[1, 2]]}, "b": {"values": [[1, 2]]}}`
	orders := make([]order, 1+rand.IntN(60))
	bodies := make([]json.RawMessage, len(orders))
	for i := range orders {
		orders[i] = small()
		orders[i].kind = "bulk"
		bodies[i], _ = orders[i].body(nil)
		if rand.IntN(10) == 0 {
			bodies[i] = json.RawMessage(invalid)
			orders[i].kind = "invalid"
		}
	}
	body, err := json.Marshal(bodies)
	if err != nil {
		return err
	}
	prefer := ""
	if rand.IntN(2) == 0 {
		prefer = "wait=5"
	}
	response, err := l.accepted(ctx, "/v1/multiplications:batch", "application/json", prefer, body, idsOf)
	if err != nil {
		return err
	}
	items, err := itemsOf(response)
	if err != nil || len(items) != len(orders) {
		return fmt.Errorf("%d items, %w, want %d", len(items), err, len(orders))
	}
	var waits sync.WaitGroup
	for i, item := range items {
		switch o := orders[i]; {
		case o.kind == "invalid" && item.Status == http.StatusUnprocessableEntity:
		case item.ID == "" || o.kind == "invalid":
			l.book.complain(fmt.Errorf("%s: %+v", o.kind, item))
		default:
			l.book.accept(item.ID, o)
			waits.Go(func() { l.finish(ctx, item.ID, o) })
		}
	}
	waits.Wait()
	return nil
}

// item has the members of an item of a batch that the clients read.
type item struct {
	ID     string
	Status int
}

func itemsOf(response []byte) ([]item, error) {
	var batch struct{ Items []item }
	err := json.NewDecoder(bytes.NewReader(response)).Decode(&batch)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return batch.Items, err
}

// idsOf returns the ids in the response to a batch.
func idsOf(response []byte) (ids string, err error) {
	items, err := itemsOf(response)
	for _, item := range items {
		ids += item.ID + " "
	}
	return ids, err
}

package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"strconv"
	"strings"

	"github.com/millrace/millrace/client"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/npy"
)

// loadBody is the body of a request for a product.
type loadBody struct {
	kind    string // its media type
	content string
}

// loadVariants is how many different products a load is made of: enough that nothing is the same as the one before.
const loadVariants = 4

// bodies makes the requests in advance, so that a load costs its client as little as possible.
func (c *loadCommand) bodies(ctx context.Context, remote *client.Client) ([]loadBody, error) {
	if err := c.checkBodies(); err != nil {
		return nil, err
	}
	var bodies []loadBody
	for variant := range uint64(loadVariants) {
		b, err := c.body(ctx, remote, 2*variant)
		if err != nil {
			return nil, fmt.Errorf("preparing the operands: %w", err)
		}
		bodies = append(bodies, b)
	}
	return bodies, nil
}

// checkBodies refuses operands that do not fit in memory as they are sent.
func (c *loadCommand) checkBodies() error {
	perElement := map[string]int64{"json": 20, "npy": 8, "stored": 8}[c.Operands]
	m, k, n := c.shape[0], c.shape[1], c.shape[2]
	if perElement > 0 && (m+n) > maxLoadBodies/loadVariants/perElement/k {
		return usagef("operands of this size are too large to be sent again and again, use --operands=random")
	}
	return nil
}

// body makes one request, whose operands are of the given seed and the next one.
func (c *loadCommand) body(ctx context.Context, remote *client.Client, seed uint64) (loadBody, error) {
	shapes := [2]matrix.Shape{
		{Rows: c.shape[0], Cols: c.shape[1], DType: matrix.Float64},
		{Rows: c.shape[1], Cols: c.shape[2], DType: matrix.Float64},
	}
	if c.Operands == "npy" {
		return c.form(ctx, shapes, seed)
	}
	var operands [2]string
	for i, shape := range shapes {
		seed := seed + uint64(i)
		var err error
		switch c.Operands {
		case "json":
			operands[i], err = jsonOperand(ctx, shape, seed)
		case "stored":
			operands[i], err = storedOperand(ctx, remote, shape, seed)
		default:
			operands[i] = fmt.Sprintf(`{"random": {"rows": %d, "cols": %d, "seed": %d}}`, shape.Rows, shape.Cols, seed)
		}
		if err != nil {
			return loadBody{}, err
		}
	}
	return loadBody{
		kind: "application/json", content: fmt.Sprintf(`{"a": %s, "b": %s, "priority": %d}`, operands[0], operands[1], c.Priority),
	}, nil
}

// jsonOperand writes a random matrix as rows of numbers.
func jsonOperand(ctx context.Context, shape matrix.Shape, seed uint64) (string, error) {
	content := make([]float64, shape.Elements())
	if err := matrix.NewRandom(shape, seed).ReadRect(ctx, shape.Rect(), matrix.AsBytes(content)); err != nil {
		return "", err
	}
	text := []byte(`{"values": [`)
	for i := range shape.Rows {
		for j, f := range content[i*shape.Cols:][:shape.Cols] {
			text = append(text, "[,"[min(j, 1)])
			text = strconv.AppendFloat(text, f, 'g', -1, 64)
		}
		text = append(text, "],"...)
	}
	return string(text[:len(text)-1]) + "]}", nil
}

// npyFile writes a random matrix as a .npy file.
func npyFile(ctx context.Context, shape matrix.Shape, seed uint64) ([]byte, error) {
	file := npy.NewFile(ctx, matrix.NewRandom(shape, seed), 0)
	defer func() { _ = file.Close() }()
	return io.ReadAll(file)
}

// storedOperand uploads a random matrix and names it.
func storedOperand(ctx context.Context, remote *client.Client, shape matrix.Shape, seed uint64) (string, error) {
	file, err := npyFile(ctx, shape, seed)
	if err != nil {
		return "", err
	}
	answer, err := remote.CreateMatrixWithBodyWithResponse(ctx, nil, "application/x-npy", bytes.NewReader(file))
	if err != nil {
		return "", err
	}
	if answer.JSON201 == nil {
		return "", fmt.Errorf("the upload was answered with %s", answer.Status())
	}
	text, err := json.Marshal(client.Stored(answer.JSON201.ID))
	return string(text), err
}

// form makes a form with two files.
func (c *loadCommand) form(ctx context.Context, shapes [2]matrix.Shape, seed uint64) (loadBody, error) {
	var text strings.Builder
	w := multipart.NewWriter(&text)
	if err := w.WriteField("priority", fmt.Sprint(c.Priority)); err != nil {
		return loadBody{}, err
	}
	for i, name := range []string{"a", "b"} {
		file, err := npyFile(ctx, shapes[i], seed+uint64(i))
		if err != nil {
			return loadBody{}, err
		}
		part, err := w.CreateFormFile(name, name+".npy")
		if err == nil {
			_, err = part.Write(file)
		}
		if err != nil {
			return loadBody{}, err
		}
	}
	err := w.Close() // writes the end
	return loadBody{kind: w.FormDataContentType(), content: text.String()}, err
}

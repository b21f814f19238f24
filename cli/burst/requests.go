package burst

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"strconv"
	"strings"

	"github.com/millrace/millrace/cli/usage"
	"github.com/millrace/millrace/client"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/npy"
)

// request is a request that submits a multiplication.
type request struct {
	contentType string
	body        string
}

// variants is the number of different requests of a load: consecutive ones have different operands.
const variants = 4

// maxMemory bounds the request bodies that are kept in memory, in bytes.
const maxMemory = 256 << 20

// requests prepares the requests, so that sending them costs little CPU.
func (c *Command) requests(ctx context.Context, api *client.Client) ([]request, error) {
	if err := c.checkMemory(); err != nil {
		return nil, err
	}
	var requests []request
	for variant := range uint64(variants) {
		r, err := c.request(ctx, api, 2*variant)
		if err != nil {
			return nil, fmt.Errorf("preparing the operands: %w", err)
		}
		requests = append(requests, r)
	}
	return requests, nil
}

// checkMemory refuses operands that are too large to be kept in memory in the form in which they are sent.
func (c *Command) checkMemory() error {
	bytesPerElement := map[string]int64{"json": 20, "npy": 8, "stored": 8}[c.Operands]
	m, k, n := c.shape[0], c.shape[1], c.shape[2]
	if bytesPerElement > 0 && (m+n) > maxMemory/variants/bytesPerElement/k {
		return usage.Errorf("operands of this size are too large to be sent again and again, use --operands=random")
	}
	return nil
}

// request prepares one request. Its operands have the given seed and the next one.
func (c *Command) request(ctx context.Context, api *client.Client, seed uint64) (request, error) {
	shapes := [2]matrix.Shape{
		{
			Rows:  c.shape[0],
			Cols:  c.shape[1],
			DType: matrix.Float64,
		},
		{
			Rows:  c.shape[1],
			Cols:  c.shape[2],
			DType: matrix.Float64,
		},
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
			operands[i], err = storedOperand(ctx, api, shape, seed)
		default:
			operands[i] = fmt.Sprintf(`{"random": {"rows": %d, "cols": %d, "seed": %d}}`, shape.Rows, shape.Cols, seed)
		}
		if err != nil {
			return request{}, err
		}
	}
	computed := ""
	if !c.small() {
		computed = `, "reuse": false`
	}
	body := fmt.Sprintf(`{"a": %s, "b": %s, "priority": %d%s}`, operands[0], operands[1], c.Priority, computed)
	return request{contentType: "application/json", body: body}, nil
}

// small reports whether the server computes each of the multiplications in any case. Of others it would have the result
// after the first ones, and there would be no load.
func (c *Command) small() bool { return matrix.NewPlan(c.shape[0], c.shape[1], c.shape[2]).Small() }

// jsonOperand returns a random matrix as an operand in JSON.
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

// npyFile returns a random matrix as a .npy file.
func npyFile(ctx context.Context, shape matrix.Shape, seed uint64) ([]byte, error) {
	file := npy.NewFile(ctx, matrix.NewRandom(shape, seed), 0)
	defer func() { _ = file.Close() }()
	return io.ReadAll(file)
}

// storedOperand uploads a random matrix and returns it as an operand in JSON.
func storedOperand(ctx context.Context, api *client.Client, shape matrix.Shape, seed uint64) (string, error) {
	file, err := npyFile(ctx, shape, seed)
	if err != nil {
		return "", err
	}
	response, err := api.CreateMatrixWithBodyWithResponse(ctx, nil, "application/x-npy", bytes.NewReader(file))
	if err != nil {
		return "", err
	}
	if response.JSON201 == nil {
		return "", fmt.Errorf("uploading a matrix: %s", response.Status())
	}
	text, err := json.Marshal(client.Stored(response.JSON201.ID))
	return string(text), err
}

// form returns a request with a multipart form of two files.
func (c *Command) form(ctx context.Context, shapes [2]matrix.Shape, seed uint64) (request, error) {
	var text strings.Builder
	w := multipart.NewWriter(&text)
	if err := w.WriteField("priority", fmt.Sprint(c.Priority)); err != nil {
		return request{}, err
	}
	if !c.small() {
		if err := w.WriteField("reuse", "false"); err != nil {
			return request{}, err
		}
	}
	for i, name := range []string{"a", "b"} {
		file, err := npyFile(ctx, shapes[i], seed+uint64(i))
		if err != nil {
			return request{}, err
		}
		part, err := w.CreateFormFile(name, name+".npy")
		if err == nil {
			_, err = part.Write(file)
		}
		if err != nil {
			return request{}, err
		}
	}
	err := w.Close() // writes the last boundary
	return request{contentType: w.FormDataContentType(), body: text.String()}, err
}

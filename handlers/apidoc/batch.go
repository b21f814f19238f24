package apidoc

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/millrace/millrace/handlers/apidoc/example"
	"github.com/millrace/millrace/handlers/apidoc/schema"
	"github.com/millrace/millrace/handlers/problem"
	"github.com/millrace/millrace/handlers/resource"
)

// SubmitBatch describes POST /v1/multiplications:batch.
func SubmitBatch() huma.Operation {
	return huma.Operation{
		OperationID: "submit-batch",
		Security:    needsSubmit,
		Tags:        []string{multiplicationsTag},
		Summary:     "Multiply many pairs of matrices",
		Description: aboutBatch,
		RequestBody: &huma.RequestBody{
			Description: "Up to 10,000 orders, each like the body of `POST /v1/multiplications`: a JSON array, or NDJSON, " +
				"one order a line.",
			Required: true,
			Content: map[string]*huma.MediaType{
				resource.MediaJSON: {
					Schema:  ordersSchema(),
					Example: exampleOrders(),
				},
				resource.MediaNDJSON: {
					Schema:  ordersSchema(),
					Example: exampleOrders(),
				},
			},
		},
		Responses: responses(
			outcomes(),
			response{status: http.StatusRequestTimeout},
			response{status: http.StatusInsufficientStorage},
			refusal(problem.BadRequest, "The array is malformed, or ends too early; nothing was accepted.",
				"bad request: [17]: malformed JSON: the array does not end"),
			refusal(problem.NotAcceptable, "The client accepts neither form of the response.",
				"not acceptable: batches are served as application/json or application/x-ndjson"),
			refusal(problem.TooLarge,
				"There are more than 10,000 orders, or more than 16 MiB of operands; nothing was accepted.",
				"request too large: a batch has at most 10000 orders, send the others in another one"),
			refusal(problem.MediaType, "The body has a media type that is not supported, or is compressed.",
				"unsupported media type: text/plain, send application/json or application/x-ndjson", "Accept-Encoding"),
			refusal(problem.Invalid,
				"The body is no array, or `Idempotency-Key` has been used for a different request; nothing was accepted.",
				"invalid request: the body must be an array of orders, it is an object"),
		),
	}
}

const aboutBatch = "" +
	"Accepts up to 10,000 multiplications in one request. The body is read to its end before anything is " +
	"accepted: a response with an error means that nothing was accepted, unless the request has an " +
	"`Idempotency-Key`, with which it may be repeated. Otherwise the status is 200, and the response has one item " +
	"for each order, in the same order: the id of a multiplication, or the problem for which a request for that " +
	"order alone would be refused. A line of NDJSON that is not JSON is the problem of one order, a malformed " +
	"array that of the whole request. Lines without an order are ignored.\n\n" +
	"The numbers of an operand take up to 64 KiB, those of all orders up to 16 MiB; send larger operands as " +
	"`matrix_id`. An order with an object in a bucket, as an operand or as its `output`, is refused with 422: a " +
	"matrix that is an object, of `POST /v1/matrices`, has a `matrix_id`, too. With `Prefer: wait=N` the response " +
	"waits up to N seconds for all multiplications together, and an item has the result of one that is completed, " +
	"with its values if it is small. The response is NDJSON, one item a line, if `Accept` prefers that; with " +
	"`Prefer: wait=N` the first items are sent while others are still computed.\n\n" +
	"With an `Idempotency-Key` each order is accepted once, however often the request is repeated, and also if a " +
	"server stops in the middle: a repetition goes on where the first request ended. It gets the same response, " +
	"problems included."

// ordersSchema describes the body of a batch.
func ordersSchema() *huma.Schema { return schema.Array(ref("Submission"), resource.MaxOrders) }

func outcomes() response {
	r := success(http.StatusOK, "What has become of each order.", exampleBatch(),
		"Preference-Applied", "Idempotent-Replayed")
	r.Content[resource.MediaJSON].Schema = ref("Batch")
	r.Content[resource.MediaNDJSON] = &huma.MediaType{
		Schema:  schema.Array(ref("BatchItem"), resource.MaxOrders),
		Example: example.Plain(exampleBatch().Items),
	}
	return r
}

func exampleOrders() []any {
	return []any{
		example.Submission(),
		map[string]any{
			"a": map[string]any{"values": example.ValuesA},
			"b": map[string]any{"values": [][]int{{1, 2, 3}}},
		},
	}
}

func exampleBatch() resource.Batch {
	return resource.Batch{Items: []resource.BatchItem{exampleItem(), {
		Status: http.StatusUnprocessableEntity,
		Problem: problem.New(problem.Shape,
			"wrong shape: a is 2×2 and b is 1×3, the columns of a must equal the rows of b"),
	}}}
}

func exampleItem() resource.BatchItem {
	return resource.BatchItem{
		Status: http.StatusOK,
		ID:     example.ID,
		State:  "completed",
		Result: example.Waited().Result,
		Links:  &resource.BatchItemLinks{Self: example.Path},
	}
}

package apidoc

import (
	"github.com/millrace/millrace/handlers/apidoc/example"
	"github.com/millrace/millrace/handlers/problem"
	"github.com/millrace/millrace/handlers/resource"
)

// componentDocs describes the named schemas. Objects and arrays have an example.
var componentDocs = map[string]struct {
	description string
	example     any
}{
	"ActiveMultiplications": {
		"How many multiplications are not finished.",
		example.Overview().Multiplications,
	},
	"Batch": {
		"What has become of the orders of a batch.",
		exampleBatch(),
	},
	"BatchItem": {
		"What has become of one order of a batch: a multiplication, or a problem.",
		exampleItem(),
	},
	"BatchItemLinks": {
		"Paths that belong to an order.",
		exampleItem().Links,
	},
	"DType": {
		"The type of a matrix's elements.",
		nil,
	},
	"Delivery": {
		"A message of a webhook, and what has become of it.",
		exampleDelivery(),
	},
	"DeliveryList": {
		"A page of deliveries.",
		resource.DeliveryList{Items: []resource.Delivery{exampleDelivery()}, NextCursor: "1718"},
	},
	"Dimensions": {
		"The dimensions of a multiplication: A is m×k, B is k×n, the result is m×n.",
		example.Pending().Shape,
	},
	"Elements": {
		"A matrix as JSON, in the shortest decimals that read back as the same numbers.",
		example.Elements,
	},
	"EventTileCounts": {
		"The tiles of a multiplication at the time of an event.",
		example.Event().Tiles,
	},
	"Fault": {
		"An invalid parameter.",
		example.Fault,
	},
	"Key": {
		"A key of the API.",
		exampleKey(),
	},
	"KeyList": {
		"Keys.",
		resource.KeyList{Items: []resource.Key{exampleKey()}},
	},
	"KeyOrder": {
		"What a key is to be.",
		exampleKeyOrder(),
	},
	"Kernel": {
		"The code that multiplies matrices in memory, and its speed.",
		example.Overview().Kernel,
	},
	"Kernels": {
		"The kernels of the workers that have the same, and their speeds.",
		example.Overview().Kernels[0],
	},
	"Limits": {
		"The quotas of a tenant, and what it has of them.",
		exampleLimits(),
	},
	"Matrix": {
		"A stored matrix.",
		example.Matrix(),
	},
	"MatrixList": {
		"One page of matrices.",
		example.Matrices(),
	},
	"MatrixRef": {
		"A matrix of a multiplication.",
		example.Ref(example.MatrixA),
	},
	"Multiplication": {
		"A request to multiply two matrices, and its progress. Members without a value are absent.",
		example.Completed(),
	},
	"MultiplicationEvent": {
		"A change of a multiplication: the data of a server-sent event.",
		example.Event(),
	},
	"MultiplicationLinks": {
		"Paths that belong to a multiplication.",
		example.Pending().Links,
	},
	"MultiplicationList": {
		"One page of multiplications.",
		example.List(),
	},
	"NewKey": {
		"A key that was just made, with its token.",
		exampleNewKey(),
	},
	"NewWebhook": {
		"A webhook, with a secret that is new.",
		exampleNewWebhook(),
	},
	"NewOutput": {
		"Where the result is written to as a .npy file, in a bucket that the settings of the server allow. It replaces " +
			"what is there. The multiplication is completed when it is written.",
		example.Output(),
	},
	"NewMatrix": {
		"A matrix to store: numbers, or the description of a random matrix.",
		map[string]any{"values": example.ValuesA},
	},
	"Object": {
		"An object in a bucket of an S3-compatible store.",
		example.Output().S3,
	},
	"ObjectToRead": {
		"A .npy file in a bucket that the settings of the server allow. It is not copied: what is needed of it is read " +
			"when it is needed, and the multiplication fails if it was replaced or deleted.",
		example.Output().S3,
	},
	"ObjectToWrite": {
		"An object in a bucket that the settings of the server allow.",
		example.Output().S3,
	},
	"Output": {
		"Where a result is written to.",
		example.Output(),
	},
	"Operand": {
		"A factor of a multiplication: a stored matrix, numbers, or a random matrix.",
		map[string]any{"matrix_id": example.MatrixA},
	},
	"Overview": {
		"The state of the system, and links to its pages.",
		example.Overview(),
	},
	"OverviewLinks": {
		"Paths of pages.",
		example.Overview().Links,
	},
	"Outlook": {
		"What an unfinished multiplication waits for. Its times are estimates.",
		example.Outlook(),
	},
	"PartialUpload": {
		"An upload that goes on in later requests.",
		exampleUpload(),
	},
	"Problem": {
		"An error in the format of RFC 9457.",
		example.Plain(problem.New(problem.NotFound, "multiplication "+example.ID+notFoundHint)),
	},
	"QueueState": {
		"How many tiles of a queue are to be computed.",
		example.Overview().Queues[0],
	},
	"Quota": {
		"A limit, and how much of it is used.",
		exampleLimits().StoredBytes,
	},
	"RandomMatrix": {
		"A random matrix, uniform in [0,1). It is generated on the workers; nothing is uploaded. The same seed and " +
			"shape give the same matrix.",
		example.Random,
	},
	"RequestQuota": {
		"A limit of requests.",
		exampleLimits().Requests,
	},
	"Result": {
		"The result of a completed multiplication.",
		example.Waited().Result,
	},
	"Session": {
		"For whom requests act.",
		exampleSession(),
	},
	"SimpleSubmission": {
		"Two small matrices to multiply.",
		example.Simple,
	},
	"StreamedEvent": {
		"A server-sent event.",
		example.StreamedEvent(),
	},
	"Submission": {
		"Two matrices to multiply.",
		example.Submission(),
	},
	"TileCounts": {
		"How many tiles of a multiplication are in which state.",
		example.Completed().Tiles,
	},
	"TileError": {
		"A failed attempt at a tile.",
		example.TileError(),
	},
	"Values": {
		"Rows of numbers, all of the same length.",
		example.ValuesA,
	},
	"TileGrid": {
		"The states of the tiles of a multiplication by their places in the result.",
		example.TileGrid(),
	},
	"Webhook": {
		"Where messages about the multiplications of a tenant are sent.",
		exampleWebhook(),
	},
	"WebhookList": {
		"Webhooks.",
		resource.WebhookList{Items: []resource.Webhook{exampleWebhook()}},
	},
	"WebhookOrder": {
		"What a webhook is to be.",
		exampleWebhookOrder(),
	},
}

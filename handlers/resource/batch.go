package resource

import "github.com/millrace/millrace/handlers/problem"

// MaxOrders is how many orders a batch has at most.
const MaxOrders = 10_000

// Batch is what has become of the orders of one request.
type Batch struct {
	Items []BatchItem `json:"items" doc:"One for each order, in the same order" nullable:"false" maxItems:"10000"`
}

// BatchItem is what has become of one order of a batch: a multiplication, or a problem.
type BatchItem struct {
	Status  int              `json:"status" minimum:"200" maximum:"599" doc:"The status that a request for this order alone would have: 202 if it is accepted, 200 if it has also finished, else that of the problem"`
	ID      string           `json:"id,omitempty" format:"uuid" maxLength:"36" doc:"Of the multiplication"`
	State   string           `json:"state,omitempty" enum:"pending,in_progress,completed,failed,cancelled"`
	Reused  bool             `json:"reused,omitempty" doc:"Whether it has the result of an earlier one of the same matrices, and nothing was computed"`
	Failure string           `json:"failure,omitempty" doc:"Why it failed" pattern:"\\S" maxLength:"4096"`
	Result  *Result          `json:"result,omitempty" doc:"Present once the state is completed, if the request has waited"`
	Links   *BatchItemLinks  `json:"links,omitempty"`
	Problem *problem.Problem `json:"problem,omitempty" doc:"Why the order is not accepted"`
}

// BatchItemLinks are the paths of what belongs to an order.
type BatchItemLinks struct {
	Self string `json:"self" format:"uri-reference" maxLength:"200"`
}

package apidoc

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

func noSuchMultiplication() documented {
	return problem(http.StatusNotFound, "There is no multiplication of that id, or no longer.", "multiplication "+exampleID+": not found")
}

// badKey and keyUsed are errors of a request whose only content is its key.
func badKey() documented {
	return problem(http.StatusBadRequest, "`Idempotency-Key` is not one.",
		"bad request: Idempotency-Key must have 1 to 255 printable ASCII characters")
}

func keyUsed() documented {
	return problem(http.StatusUnprocessableEntity, "`Idempotency-Key` has been used for another request, or a parameter is not one of "+
		"those that there are.", "invalid request: the Idempotency-Key has been used for another request, of 2026-01-05T09:30:00Z")
}

// notModified is the answer to a client that has the present one.
func notModified() documented {
	return success(http.StatusNotModified, "Nothing has changed since the answer that the client has.", nil, "ETag")
}

// ListMultiplications describes GET /v1/multiplications.
func ListMultiplications() huma.Operation {
	return huma.Operation{
		OperationID: "list-multiplications", Tags: []string{multiplicationsTag},
		Summary: "List multiplications",
		Description: "The newest first, in pages. A page stays the same however many are submitted meanwhile: follow `next_cursor`, " +
			"or the `Link` header, until there is none.",
		Responses: responses(
			success(http.StatusOK, "One page.", exampleList(), "ETag", "Link"), notModified(),
			problem(http.StatusUnprocessableEntity, "A parameter is not one of those that there are.",
				`invalid request: cursor "1" is not the next_cursor of any page`),
		),
	}
}

// GetMultiplication describes GET /v1/multiplications/{id}.
func GetMultiplication() huma.Operation {
	return huma.Operation{
		OperationID: "get-multiplication", Tags: []string{multiplicationsTag},
		Summary: "State and progress of a multiplication",
		Description: "Progress is exact: tiles done over tiles planned. `errors` tells what went wrong on the way, also when the " +
			"work has succeeded in the end. With `Prefer: wait=N` the answer waits for the end of the work, and a small product is in it.",
		Responses: responses(
			success(http.StatusOK, "The multiplication as it is now.", exampleCompleted(), "ETag", "Preference-Applied", "Vary"),
			notModified(), noSuchMultiplication(),
		),
	}
}

// CancelMultiplication describes POST /v1/multiplications/{id}/cancel.
func CancelMultiplication() huma.Operation {
	return huma.Operation{
		OperationID: "cancel-multiplication",
		Tags:        []string{multiplicationsTag}, Summary: "Cancel a multiplication",
		Description: "No further tile starts, the running ones are told to stop. To cancel twice is no error.",
		Responses: responses(
			success(http.StatusOK, "It is cancelled.", exampleCancelled(), "Idempotent-Replayed"), badKey(), keyUsed(),
			noSuchMultiplication(),
			problem(http.StatusConflict, "It has ended already.", "multiplication "+exampleID+" is completed: the multiplication has ended"),
		),
	}
}

// RetryMultiplication describes POST /v1/multiplications/{id}/retry.
func RetryMultiplication() huma.Operation {
	return huma.Operation{
		OperationID: "retry-multiplication",
		Tags:        []string{multiplicationsTag}, Summary: "Retry a failed or cancelled multiplication",
		Description: "The tiles that are not completed run again, with a full set of attempts. Those that are completed are kept.",
		Responses: responses(
			success(http.StatusOK, "It is back in the queue.", examplePending(), "Preference-Applied", "Idempotent-Replayed"), badKey(), keyUsed(),
			problem(http.StatusNotFound, noSuchMultiplication().Description, "retrying multiplication "+exampleID+": not found"),
			problem(http.StatusConflict, "It is still being worked on, or it is completed.",
				"retrying multiplication "+exampleID+": the multiplication is still being worked on"),
		),
	}
}

// DeleteMultiplication describes DELETE /v1/multiplications/{id}.
func DeleteMultiplication() huma.Operation {
	return huma.Operation{
		OperationID: "delete-multiplication",
		Tags:        []string{multiplicationsTag}, Summary: "Remove a multiplication and its result",
		Description:   "One that is being worked on must be cancelled first. A result that other products use as an operand stays.",
		DefaultStatus: http.StatusNoContent,
		Responses: responses(
			success(http.StatusNoContent, "It is gone.", nil),
			noSuchMultiplication(),
			problem(http.StatusConflict, "It is being worked on.",
				"multiplication "+exampleID+" is "+"pending"+", cancel it first: in use"),
		),
	}
}

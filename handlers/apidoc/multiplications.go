package apidoc

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/millrace/millrace/handlers/apidoc/example"
	"github.com/millrace/millrace/handlers/problem"
)

// ListMultiplications describes GET /v1/multiplications.
func ListMultiplications() huma.Operation {
	return huma.Operation{
		OperationID: "list-multiplications",
		Security:    needsRead,
		Tags:        []string{multiplicationsTag},
		Summary:     "List multiplications",
		Description: "Newest first, in pages. Follow `next_cursor` or the `Link` header until there is none. New " +
			"submissions do not shift the pages.",
		Responses: responses(
			success(http.StatusOK, "One page.", example.List(), "ETag", "Link"),
			notModified(),
			preconditionFailed(),
			refusal(problem.Invalid, "A parameter is unknown or has an invalid value.",
				`invalid request: cursor "1" is not the next_cursor of any page`),
		),
	}
}

// GetMultiplication describes GET /v1/multiplications/{id}.
func GetMultiplication() huma.Operation {
	return huma.Operation{
		OperationID: "get-multiplication",
		Security:    needsRead,
		Tags:        []string{multiplicationsTag},
		Summary:     "Get the state and progress of a multiplication",
		Description: "Progress is exact: completed tiles divided by all tiles. `errors` lists failed attempts, also " +
			"if the multiplication has completed in the end. With `Prefer: wait=N` the response waits for the " +
			"multiplication to finish, and contains the result if it is small.",
		Responses: responses(
			success(http.StatusOK, "The current state.", example.Completed(), "ETag", "Preference-Applied", "Vary"),
			notModified(),
			preconditionFailed(),
			noSuchMultiplication(),
			tooManyHeld(),
		),
	}
}

// GetTiles describes GET /v1/multiplications/{id}/tiles.
func GetTiles() huma.Operation {
	return huma.Operation{
		OperationID: "get-tiles",
		Security:    needsRead,
		Tags:        []string{multiplicationsTag},
		Summary:     "Get the states of tiles by their places",
		Description: "A letter for each tile, as a picture of the result, of 64×64 letters at most. It is about a second " +
			"old at most; that of a multiplication with very many tiles may be older.",
		Responses: responses(
			success(http.StatusOK, "The grid.", example.TileGrid()),
			noSuchMultiplication(),
		),
	}
}

// CancelMultiplication describes POST /v1/multiplications/{id}/cancel.
func CancelMultiplication() huma.Operation {
	return huma.Operation{
		OperationID: "cancel-multiplication",
		Security:    needsSubmit,
		Tags:        []string{multiplicationsTag},
		Summary:     "Cancel a multiplication",
		Description: "No further tile starts, and running tiles are told to stop. Cancelling twice is not an error.",
		Responses: responses(
			success(http.StatusOK, "The multiplication is cancelled.", example.Cancelled(), "Idempotent-Replayed"),
			invalidKey(),
			usedKey(),
			noSuchMultiplication(),
			refusal(problem.Finished, "The multiplication has completed or failed.",
				"multiplication "+example.ID+" is completed: only one that has not finished can be cancelled"),
		),
	}
}

// RetryMultiplication describes POST /v1/multiplications/{id}/retry.
func RetryMultiplication() huma.Operation {
	return huma.Operation{
		OperationID: "retry-multiplication",
		Security:    needsSubmit,
		Tags:        []string{multiplicationsTag},
		Summary:     "Retry a failed or cancelled multiplication",
		Description: "Completed tiles are kept. The others run again, with a full set of attempts.",
		Responses: responses(
			success(http.StatusOK, "The multiplication is queued again.", example.Pending(),
				"Preference-Applied", "Idempotent-Replayed"),
			invalidKey(),
			usedKey(),
			noSuchMultiplication(),
			refusal(problem.Active, "The multiplication is neither failed nor cancelled.",
				"retrying multiplication "+example.ID+": the multiplication is still being worked on"),
			response{status: http.StatusInsufficientStorage},
		),
	}
}

// DeleteMultiplication describes DELETE /v1/multiplications/{id}.
func DeleteMultiplication() huma.Operation {
	return huma.Operation{
		OperationID: "delete-multiplication",
		Security:    needsSubmit,
		Tags:        []string{multiplicationsTag},
		Summary:     "Delete a multiplication and its result",
		Description: "A multiplication that is not finished must be cancelled first. A result that is an operand of " +
			"another multiplication is kept.",
		DefaultStatus: http.StatusNoContent,
		Responses: responses(
			success(http.StatusNoContent, "The multiplication is deleted.", nil),
			preconditionFailed(),
			noSuchMultiplication(),
			refusal(problem.Active, "The multiplication is not finished.",
				"multiplication "+example.ID+" is pending, cancel it first: the multiplication is still being worked on"),
		),
	}
}

func noSuchMultiplication() response {
	return refusal(problem.NotFound, "There is no such multiplication, or it has been deleted.",
		"multiplication "+example.ID+notFoundHint)
}

// tooManyHeld describes the response to a client that holds too much.
func tooManyHeld() response {
	return refusal(problem.ManyOpen,
		"The client has too many event streams and requests with `Prefer: wait` open.",
		"this client has too many event streams and waits open, try again when one has ended", "Retry-After")
}

// preconditionFailed describes the response to a client that does not know the current version.
func preconditionFailed() response {
	return refusal(problem.PreconditionFailed, "The resource does not have the ETag of `If-Match`.",
		"the resource does not have the ETag of If-Match", "ETag")
}

// notModified describes the response to a client whose copy is current.
func notModified() response {
	return success(http.StatusNotModified, "The client has the current version.", nil, "ETag")
}

// invalidKey and usedKey describe error responses to requests that have an idempotency key and no body.
func invalidKey() response {
	return refusal(problem.BadRequest, "`Idempotency-Key` is invalid.",
		"bad request: Idempotency-Key must have 1 to 255 printable ASCII characters")
}

func usedKey() response {
	return refusal(problem.KeyReused,
		"`Idempotency-Key` has been used for a different request, or a parameter is unknown.",
		"the Idempotency-Key has been used for another request, of 2026-01-05T09:30:00Z")
}

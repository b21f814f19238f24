// Package payload turns the body of a request into the operands of a multiplication, or into one matrix. Bodies are
// JSON, multipart forms of .npy files, or a .npy file. They are read as streams: memory does not depend on their size.
//
// The order of calls:
//
//	body, err := payload.Open(r, keyed, resource.MediaJSON, resource.MediaMultipart)
//	intake := payload.NewIntake(store, maxBytes)
//	defer intake.Discard()
//	order, err := payload.ReadOrder(ctx, body, intake)
//	// the transaction that writes the operands and body.Fingerprint()
//	err = intake.Keep()
package payload

import "errors"

// The faults of a request that are not those of a matrix. Errors about a request wrap one of them, one of
// package matrix, or os.ErrDeadlineExceeded for a client that stalls. Errors of the store pass through.
var (
	// ErrBadRequest: the request cannot be read, or is not what its headers claim.
	ErrBadRequest = errors.New("bad request")
	// ErrInvalid: the request can be read, but asks for something that is not possible.
	ErrInvalid = errors.New("invalid request")
	// ErrKeyReused: another request has had the idempotency key.
	ErrKeyReused = errors.New("the Idempotency-Key has been used for another request")
	// ErrMediaType: the body is of a type that the route does not take.
	ErrMediaType = errors.New("unsupported media type")
	// ErrTooLarge: the body has more than the server takes at once.
	ErrTooLarge = errors.New("request too large")
	// ErrEncoding: the body is compressed.
	ErrEncoding = errors.New("unsupported content encoding")
)

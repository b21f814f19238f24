package s3

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/minio/minio-go/v7"
)

// The errors of a bucket. Others say that something is wrong with it: its name, the rights, the request.
var (
	// ErrMissing means that there is no such object.
	ErrMissing = errors.New("no such object")
	// ErrRange means that an object is shorter than what was to be read.
	ErrRange = errors.New("the object is too short")
	// ErrFull means that a quota of the store is used up.
	ErrFull = errors.New("a quota of the bucket is used up")
	// ErrForbidden means that the store does not allow what was asked for.
	ErrForbidden = errors.New("forbidden")
	// ErrChanged means that an object is not the one any more that was to be read.
	ErrChanged = errors.New("the object has changed")
	// ErrUnavailable means that the store could not be reached, or could not respond, however often it was asked.
	ErrUnavailable = errors.New("the bucket is unavailable")
)

// errExists means that there is an object with the key already.
var errExists = errors.New("the object exists")

// errUnsupported means that the store does not know what was asked for.
var errUnsupported = errors.New("not supported by the store")

// fullCodes are the codes by which stores say that a quota is used up.
var fullCodes = []string{
	"QuotaExceeded", "InsufficientStorage", "StorageFull", "XMinioStorageFull", "XMinioAdminBucketQuotaExceeded",
	"BucketQuotaExceeded", "EntityTooLargeForQuota",
}

// passing are the codes of refusals that pass, beside all with a status of 500 and more.
var passing = []string{
	"RequestTimeout", "RequestTimeoutException", "Throttling", "ThrottlingException", "RequestLimitExceeded",
	"RequestThrottled", "SlowDown", "SlowDownRead", "SlowDownWrite", "TooManyRequests", "InternalError", "ExpiredToken",
	"ExpiredTokenException", "ConditionalRequestConflict", "OperationAborted",
}

// explain returns what an error of the library means, and whether the next try may succeed.
func explain(err error) (meaning error, again bool) {
	if isFinal(err) {
		return err, false
	}
	var response minio.ErrorResponse
	if !errors.As(err, &response) {
		refused := errors.Is(err, ErrCredentials) || errors.Is(err, ErrRange)
		return withoutURL(err), !refused && !errors.Is(err, errUnsupported)
	}
	refusal := fmt.Errorf("%s (%s)", response.Code, response.Message)
	code, status := response.Code, response.StatusCode
	switch {
	case slices.Contains(fullCodes, code), status == http.StatusInsufficientStorage:
		return fmt.Errorf("%w: %w", ErrFull, refusal), false
	case code == minio.NoSuchKey, code == minio.NoSuchVersion:
		return ErrMissing, false
	case code == minio.PreconditionFailed, status == http.StatusPreconditionFailed:
		return errExists, false
	case code == "InvalidRange", status == http.StatusRequestedRangeNotSatisfiable:
		return ErrRange, false
	case status == http.StatusNotImplemented:
		return fmt.Errorf("%w: %w", errUnsupported, refusal), false
	case slices.Contains(passing, code), status == http.StatusTooManyRequests, status == http.StatusRequestTimeout,
		status >= http.StatusInternalServerError:
		return refusal, true
	case status == http.StatusForbidden:
		return fmt.Errorf("%w: %w", ErrForbidden, refusal), false
	}
	return refusal, false
}

// ended reports whether an operation ended because its caller gave it up, or has no more time.
func ended(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	return context.Cause(ctx)
}

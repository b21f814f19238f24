package problem

import "net/http"

// Code says to programs what is wrong. Codes do not change; docs/problems.md says what each means.
type Code string

// The codes of what no operation decides: heads, paths and queries, and what a token allows.
const (
	BadRequest         Code = "bad_request"
	RequestCancelled   Code = "request_cancelled"
	NoToken            Code = "authentication_required"
	InvalidToken       Code = "invalid_token"
	TokenExpired       Code = "token_expired"
	TokenRevoked       Code = "token_revoked"
	Scope              Code = "insufficient_scope"
	OtherSite          Code = "other_site"
	NoSuchPath         Code = "no_such_path"
	MethodNotAllowed   Code = "method_not_allowed"
	NotAcceptable      Code = "not_acceptable"
	Timeout            Code = "timeout"
	PreconditionFailed Code = "precondition_failed"
	TooLarge           Code = "too_large"
	MediaType          Code = "unsupported_media_type"
	Encoding           Code = "unsupported_encoding"
	Range              Code = "range_not_satisfiable"
	OtherHost          Code = "other_host"
	InvalidParameter   Code = "invalid_parameter"
	HeadTooLarge       Code = "head_too_large"
)

// The codes of operations.
const (
	Malformed    Code = "malformed_content"
	NotAllowed   Code = "object_not_allowed"
	NoObject     Code = "object_missing"
	Refused      Code = "object_refused"
	Changed      Code = "object_changed"
	NotFound     Code = "not_found"
	Conflict     Code = "conflict"
	NotCompleted Code = "not_completed"
	NotReady     Code = "not_ready"
	InUse        Code = "in_use"
	Finished     Code = "already_finished"
	Active       Code = "still_active"
	KeyTaken     Code = "idempotency_key_in_use"
	KeyRequired  Code = "key_required"
	Invalid      Code = "invalid_request"
	Shape        Code = "wrong_shape"
	Elements     Code = "unsupported_elements"
	KeyReused    Code = "idempotency_key_reused"
	InvalidKey   Code = "invalid_key"

	UploadOffset    Code = "upload_offset"
	UploadHeld      Code = "upload_held"
	UploadCompleted Code = "upload_completed"
)

// The codes of what the service cannot do now, or has done wrong.
const (
	Quota       Code = "quota_exceeded"
	Overloaded  Code = "overloaded"
	ManyOpen    Code = "too_many_open"
	Internal    Code = "internal_error"
	Damaged     Code = "content_damaged"
	Unavailable Code = "unavailable"
	NoStore     Code = "object_store_unavailable"
	Busy        Code = "busy"
	Updating    Code = "updating"
	Full        Code = "storage_full"
	NoSpace     Code = "no_space"
)

// statuses are the statuses of codes.
var statuses = map[Code]int{
	BadRequest:         http.StatusBadRequest,
	RequestCancelled:   http.StatusBadRequest,
	Malformed:          http.StatusBadRequest,
	NoToken:            http.StatusUnauthorized,
	InvalidToken:       http.StatusUnauthorized,
	TokenExpired:       http.StatusUnauthorized,
	TokenRevoked:       http.StatusUnauthorized,
	Scope:              http.StatusForbidden,
	OtherSite:          http.StatusForbidden,
	NotAllowed:         http.StatusForbidden,
	NotFound:           http.StatusNotFound,
	NoSuchPath:         http.StatusNotFound,
	MethodNotAllowed:   http.StatusMethodNotAllowed,
	NotAcceptable:      http.StatusNotAcceptable,
	Timeout:            http.StatusRequestTimeout,
	Conflict:           http.StatusConflict,
	NotCompleted:       http.StatusConflict,
	NotReady:           http.StatusConflict,
	InUse:              http.StatusConflict,
	Changed:            http.StatusConflict,
	Finished:           http.StatusConflict,
	Active:             http.StatusConflict,
	KeyTaken:           http.StatusConflict,
	KeyRequired:        http.StatusConflict,
	UploadOffset:       http.StatusConflict,
	UploadHeld:         http.StatusConflict,
	UploadCompleted:    http.StatusConflict,
	PreconditionFailed: http.StatusPreconditionFailed,
	TooLarge:           http.StatusRequestEntityTooLarge,
	MediaType:          http.StatusUnsupportedMediaType,
	Encoding:           http.StatusUnsupportedMediaType,
	Range:              http.StatusRequestedRangeNotSatisfiable,
	OtherHost:          http.StatusMisdirectedRequest,
	InvalidParameter:   http.StatusUnprocessableEntity,
	Invalid:            http.StatusUnprocessableEntity,
	NoObject:           http.StatusUnprocessableEntity,
	Refused:            http.StatusUnprocessableEntity,
	Shape:              http.StatusUnprocessableEntity,
	Elements:           http.StatusUnprocessableEntity,
	KeyReused:          http.StatusUnprocessableEntity,
	InvalidKey:         http.StatusUnprocessableEntity,
	Quota:              http.StatusTooManyRequests,
	Overloaded:         http.StatusTooManyRequests,
	ManyOpen:           http.StatusTooManyRequests,
	HeadTooLarge:       http.StatusRequestHeaderFieldsTooLarge,
	Internal:           http.StatusInternalServerError,
	Damaged:            http.StatusInternalServerError,
	Unavailable:        http.StatusServiceUnavailable,
	NoStore:            http.StatusServiceUnavailable,
	Busy:               http.StatusServiceUnavailable,
	Updating:           http.StatusServiceUnavailable,
	Full:               http.StatusInsufficientStorage,
	NoSpace:            http.StatusInsufficientStorage,
}

// ofStatus are the codes of problems that Huma and the standard library make, which have a status only.
var ofStatus = map[int]Code{
	http.StatusBadRequest:                   BadRequest,
	http.StatusUnauthorized:                 NoToken,
	http.StatusForbidden:                    Scope,
	http.StatusNotFound:                     NoSuchPath,
	http.StatusMethodNotAllowed:             MethodNotAllowed,
	http.StatusNotAcceptable:                NotAcceptable,
	http.StatusRequestTimeout:               Timeout,
	http.StatusConflict:                     Conflict,
	http.StatusPreconditionFailed:           PreconditionFailed,
	http.StatusRequestEntityTooLarge:        TooLarge,
	http.StatusUnsupportedMediaType:         MediaType,
	http.StatusRequestedRangeNotSatisfiable: Range,
	http.StatusMisdirectedRequest:           OtherHost,
	http.StatusUnprocessableEntity:          InvalidParameter,
	http.StatusTooManyRequests:              ManyOpen,
	http.StatusRequestHeaderFieldsTooLarge:  HeadTooLarge,
	http.StatusServiceUnavailable:           Unavailable,
	http.StatusInsufficientStorage:          Full,
}

// Status returns the status of a code.
func (c Code) Status() int { return statuses[c] }

// Retry returns after how many seconds a request may succeed, as a Retry-After header has it; "" if no time mends it.
func (c Code) Retry() string {
	switch c.Status() {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return "5"
	case http.StatusInsufficientStorage:
		return "60" // by then a sweep has run
	}
	return ""
}

// codeOf returns the code of a status.
func codeOf(status int) Code {
	if code, ok := ofStatus[status]; ok {
		return code
	}
	return Internal
}

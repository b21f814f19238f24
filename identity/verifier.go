package identity

import (
	"context"
	"errors"
)

// Verifier finds for whom a token speaks.
type Verifier interface {
	// Verify returns the principal of a token, or ErrInvalidToken, ErrExpired or ErrRevoked. Any other error means that it
	// cannot be found out now; it is never taken for a refusal.
	Verify(ctx context.Context, token string) (Principal, error)
}

var (
	// ErrInvalidToken is for what is no token of this deployment, and for one that is not known.
	ErrInvalidToken = errors.New("the token is not valid")
	// ErrExpired is for a token whose time is over.
	ErrExpired = errors.New("the token has expired")
	// ErrRevoked is for a token that was revoked.
	ErrRevoked = errors.New("the token has been revoked")
)

// Refused reports whether an error of a Verifier is about the token, and not about what looks it up.
func Refused(err error) bool {
	return errors.Is(err, ErrInvalidToken) || errors.Is(err, ErrExpired) || errors.Is(err, ErrRevoked)
}

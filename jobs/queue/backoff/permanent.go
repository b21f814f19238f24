package backoff

import (
	"errors"

	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/blocks"
	"github.com/millrace/millrace/store/objects"
)

// ErrPermanent marks errors that no other attempt can mend.
var ErrPermanent = errors.New("permanent")

// Permanent reports whether trying again is of no use: the data are wrong or gone. Other errors are taken to be
// transient.
func Permanent(err error) bool {
	for _, target := range []error{
		ErrPermanent,
		store.ErrNotFound,
		matrix.ErrMalformed,
		matrix.ErrUnsupported,
		matrix.ErrShape,
		matrix.ErrTooLarge,
		blocks.ErrDamaged,
		objects.ErrChanged,
		objects.ErrMissing,
		objects.ErrRefused,
	} {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}

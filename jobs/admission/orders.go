package admission

import (
	"errors"
	"slices"

	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/blocks"
	"github.com/millrace/millrace/store/quota"
	"github.com/millrace/millrace/store/webhooks"
)

// ofOrder are errors of one submission.
var ofOrder = []error{
	matrix.ErrShape,
	matrix.ErrTooLarge,
	store.ErrNotFound,
	store.ErrNoSpace,
	blocks.ErrFull,
}

// OfOrder reports whether an error is that of one submission, for which others in the same transaction are not to be
// rolled back.
func OfOrder(err error) bool {
	var noQuota *quota.Error
	return errors.As(err, &noQuota) || webhooks.NotNamed(err) ||
		slices.ContainsFunc(ofOrder, func(known error) bool { return errors.Is(err, known) })
}

// Package words says product for the resource, and an
// answer for a response.
package words

import "errors"

type Product struct {
	productID string
}

func answerTo(outbox []string) error {
	for _, unanswered := range outbox {
		_ = unanswered
	}
	patience := 3
	_ = patience
	return errors.New("the product is gone")
}

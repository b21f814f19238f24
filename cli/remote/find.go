package remote

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/millrace/millrace/cli/usage"
	"github.com/millrace/millrace/client"
)

const (
	// ShortID is how long the beginning of an id is by which lists show it: the millisecond of a UUIDv7.
	ShortID = 13
	// minPrefix is the length of the shortest beginning of an id that is looked for.
	minPrefix = 4
	// maxSearched is how many pages of the list are searched.
	maxSearched = 50
	// MaxPage is the largest page of a list that servers return.
	MaxPage = 200
)

// FindID returns the id of the multiplication whose id begins with a text. A whole id, and
// what begins none, is returned as it is: the server has the word on it.
func FindID(ctx context.Context, api *client.Client, text string) (string, error) {
	if _, err := uuid.Parse(text); err == nil {
		return text, nil
	}
	text = strings.ToLower(text)
	if len(text) < minPrefix || len(text) > len(uuid.Nil.String()) || strings.Trim(text, "0123456789abcdef-") != "" {
		return text, nil
	}
	found := ""
	params := client.ListMultiplicationsParams{Limit: new(int64(MaxPage))}
	for range maxSearched {
		page, err := api.List(ctx, params)
		if err != nil {
			return "", err
		}
		for _, m := range page.Items {
			switch {
			case !strings.HasPrefix(m.ID, text):
			case found != "":
				return "", usage.Errorf("%q begins the ids of several multiplications, %s and %s among them", text, found, m.ID)
			default:
				found = m.ID
			}
		}
		n := len(page.Items)
		if page.NextCursor == nil || found != "" && n > 0 && !strings.HasPrefix(page.Items[n-1].ID, text) {
			break // ids begin with their time, and the list is in the order of time
		}
		params.Cursor = page.NextCursor
	}
	if found == "" {
		return "", usage.NotFound{
			Text: fmt.Sprintf("%q not found: no id begins with it; \"millrace list\" shows the ids", text),
		}
	}
	return found, nil
}

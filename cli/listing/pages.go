package listing

import (
	"fmt"
	"io"

	"github.com/millrace/millrace/cli/remote"
)

// pages reads pages until there are as many items as the limit allows, or no more. It returns the cursor of the next
// page, if there is one.
func pages[T any](limit int64, read func(size int64, cursor *string) ([]T, *string, error)) ([]T, *string, error) {
	all := []T{}
	var next *string
	for {
		items, cursor, err := read(min(limit-int64(len(all)), remote.MaxPage), next)
		if err != nil {
			return nil, nil, err
		}
		all = append(all, items...)
		next = cursor
		if next == nil || int64(len(all)) >= limit {
			return all, next, nil
		}
	}
}

// printMore says that there is a next page.
func printMore(w io.Writer, next *string) error {
	if next == nil {
		return nil
	}
	_, err := fmt.Fprintln(w, "… and older ones: a higher --limit shows more")
	return err
}

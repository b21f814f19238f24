package guard

import (
	"fmt"
	"net/http"

	"github.com/millrace/millrace/handlers/problem"
)

// MaxFields is how many fields the head of a request may have. Each takes some hundred bytes of memory, also if it is
// short, for as long as the request lasts.
const MaxFields = 100

// Heads refuses requests with too many fields.
func Heads(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fields := 0
		for _, values := range r.Header {
			fields += len(values)
		}
		if fields > MaxFields {
			refuse(w, problem.HeadTooLarge,
				fmt.Sprintf("the request has %d header fields, at most %d are accepted", fields, MaxFields))
			return
		}
		next.ServeHTTP(w, r)
	})
}

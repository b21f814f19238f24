package guard

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"net/http"
	"regexp"

	"github.com/millrace/millrace/handlers/problem"
)

// givenID matches the ids that are taken over: what a log can have without an escape.
var givenID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/+=-]{0,127}$`)

// RequestID gives each response the id of its request: the one that the client, or a proxy, has sent, or another one.
func RequestID(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		given := r.Header[problem.RequestIDHeader]
		if len(given) != 1 || !givenID.MatchString(given[0]) {
			given = []string{newID()}
		}
		w.Header()[problem.RequestIDHeader] = given
		next.ServeHTTP(w, r)
	})
}

// newID returns an id. It must be unlike others, not secret.
func newID() string {
	//nolint:gosec // not secret
	return hex.EncodeToString(binary.BigEndian.AppendUint64(nil, rand.Uint64()))
}

package handlers

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/millrace/millrace/handlers/apidoc"
	"github.com/millrace/millrace/handlers/auth"
	"github.com/millrace/millrace/handlers/guard"
	"github.com/millrace/millrace/handlers/problem"
	"github.com/millrace/millrace/internal/logs"
	"github.com/millrace/millrace/store/database"
)

const (
	// acquireTimeout is how long a request waits for a connection of the pool.
	acquireTimeout = 2 * time.Second
	// readDeadline bounds a request that reads, and each of its statements.
	readDeadline = 10 * time.Second
	// writeDeadline bounds a request that changes something, and each of its statements.
	writeDeadline = 30 * time.Second
)

// withDeadlines gives requests a deadline, so that they end although the database does not respond. Transfers and
// streams last as long as their clients want, and a wait as long as it was asked to: of these each statement has one.
//
// It also names the client, and for whom the request acts, in the context of the request.
func withDeadlines(next http.Handler, proxies guard.Proxies, who *auth.Auth) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		deadline := writeDeadline
		if r.Method == http.MethodGet || r.Method == http.MethodHead {
			deadline = readDeadline
		}
		ctx := database.WithBounds(r.Context(), database.Bounds{Acquire: acquireTimeout, Statement: deadline})
		ctx = proxies.WithClient(logs.WithRequest(ctx, w.Header().Get(problem.RequestIDHeader)), r)
		if !lasts(r) {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, deadline)
			defer cancel()
		}
		ctx = who.Identify(ctx, r)
		guard.ServeCopy(ctx, next, w, r)
	})
}

// lasts reports whether it is for the client how long a request takes.
func lasts(r *http.Request) bool {
	path := r.URL.Path // the one form that guard.OnePath leaves
	if r.Method == http.MethodPatch {
		return strings.HasPrefix(path, apidoc.UploadsPath+"/")
	}
	if r.Method == http.MethodPost {
		return path == apidoc.SimplePath || path == apidoc.MultiplicationsPath || path == apidoc.BatchPath ||
			path == apidoc.MatricesPath
	}
	_, waits := r.Header["Prefer"]
	return waits || strings.HasSuffix(path, "/events") || strings.HasSuffix(path, "/result") ||
		strings.HasSuffix(path, "/content")
}

// Package guard is what happens to a request before an operation sees it, whatever the operation. It refuses requests
// that a page of another site makes a browser send, those whose query would be understood in part, those that are too
// many, and those with preconditions that fail. It brings what has several forms into one: lists on several lines,
// paths with and without a slash. And it makes responses arrive: below the path of a proxy, and at clients that are
// still sending.
package guard

import (
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/millrace/millrace/handlers/problem"
	"github.com/millrace/millrace/internal/logs"
)

// SameOrigin refuses requests that change something if a browser sends them for a page of another site. It knows them
// by Sec-Fetch-Site or Origin; programs send neither.
func SameOrigin(next http.Handler, refusals *Refusals) http.Handler {
	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		refusals.Note(r.Context(), OtherSite,
			"origin", logs.Text(r.Header.Get("Origin")),
			"path", logs.Text(r.URL.Path))
		refuse(w, problem.OtherSite, "requests from pages of other sites are refused")
	}))
	return protection.Handler(next)
}

// LocalHosts refuses requests whose host is neither localhost, a loopback address nor one of allowed. It is for a
// listener that only this machine reaches: a page whose name was made to resolve to this machine has the origin that
// its requests have, so it could read the responses, but its requests carry its name. A browser always sends a host;
// requests without one are let through.
func LocalHosts(next http.Handler, allowed []string, refusals *Refusals) http.Handler {
	names := map[string]bool{"": true, "localhost": true}
	for _, host := range allowed {
		names[hostname(host)] = true
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := hostname(r.Host)
		if addr, err := netip.ParseAddr(name); !names[name] && (err != nil || !addr.Unmap().IsLoopback()) {
			refusals.Note(r.Context(), OtherHost, "host", logs.Text(r.Host))
			refuse(w, problem.OtherHost, "this address is for localhost only, see --allowed-hosts")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// hostname returns the name in a Host header, without port and brackets, in lower case.
func hostname(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	} else {
		host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// refuse responds with a problem.
func refuse(w http.ResponseWriter, code problem.Code, detail string) {
	setHeaders(w.Header())
	problem.Write(w, problem.New(code, detail))
}

package guard

import "net/http"

// OnePath lets requests to the other forms of paths, the keys of paths, be handled as those to the values. A redirect
// would not do: many clients follow none for a POST.
func OnePath(next http.Handler, paths map[string]string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if path, ok := paths[r.URL.Path]; ok {
			u := *r.URL
			u.Path, u.RawPath = path, ""
			r.URL = &u
		}
		next.ServeHTTP(w, r)
	})
}

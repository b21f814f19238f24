// Package pages serves the start page, the docs page and the page where browsers sign in, and frames River UI. Every
// file is embedded in the binary; no page loads anything from another server.
package pages

import (
	"bytes"
	"embed"
	"html/template"
	"net/http"
	"path"

	"github.com/swaggest/swgui/v5/static"
)

//go:embed favicon.svg shared home multiplication docs signin riverui
var files embed.FS

// The content security policies. They allow scripts only from files of this server, connections only to this server, no
// embedding in other pages, and no change of the base of relative links.
const (
	common = "default-src 'none'; script-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; " +
		"frame-ancestors 'none'; "

	homePolicy = common + "style-src 'self'; img-src 'self'; require-trusted-types-for 'script'"

	// docsPolicy allows data: URLs, from which Swagger UI draws its icons in its style sheet.
	docsPolicy = common + "style-src 'self'; img-src 'self' data:"

	// riverUIPolicy is the policy of River UI. Its messages contain style elements.
	riverUIPolicy = common + "style-src 'self' 'unsafe-inline'; img-src 'self' data:"
)

// referrerPolicy is that of pages: requests for the API name the page.
const referrerPolicy = "same-origin"

// Links selects the optional links of the pages.
type Links struct {
	RiverUI bool
	SignIn  bool
}

// Mux is what pages are added to.
type Mux interface {
	Handle(pattern string, handler http.Handler)
}

// Mount adds the pages to a mux: the start page at /, that of a multiplication at /multiplications/{id}, the docs
// page at /docs/, the page to sign in at /signin/, and their assets.
func Mount(mux Mux, links Links) {
	mountFiles(mux)
	mountSwagger(mux)
	mux.Handle("GET /docs/{$}", newAsset(render("docs/index.html", links), "text/html; charset=utf-8", docsPolicy))
	mux.Handle("GET /docs", RedirectTo("docs/"))
	mux.Handle("GET /multiplications", RedirectTo("./"))
	mux.Handle("GET /multiplications/{$}", RedirectTo("../"))
}

// assetTypes are the content types of what pages load, by the extension.
var assetTypes = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
}

const svg = "image/svg+xml"

// mountFiles adds the files that are served unchanged.
func mountFiles(mux Mux) {
	for _, f := range []struct{ route, file, contentType, policy string }{
		{"/{$}", "home/index.html", "text/html; charset=utf-8", homePolicy},
		{"/multiplications/{id}", "multiplication/index.html", "text/html; charset=utf-8", homePolicy},
		{"/signin/{$}", "signin/index.html", "text/html; charset=utf-8", homePolicy},
		{"/assets/favicon.svg", "favicon.svg", svg, ""},
		{"/favicon.ico", "favicon.svg", svg, ""}, // browsers request it beside files that are not pages
	} {
		mux.Handle("GET "+f.route, newAsset(must(files.ReadFile(f.file)), f.contentType, f.policy))
	}
	for _, folder := range []string{"shared", "home", "multiplication", "signin", "docs", "riverui"} {
		route := "GET /assets/"
		if folder == "docs" {
			route = "GET /docs/"
		}
		for _, entry := range must(files.ReadDir(folder)) {
			if contentType := assetTypes[path.Ext(entry.Name())]; contentType != "" {
				content := must(files.ReadFile(folder + "/" + entry.Name()))
				mux.Handle(route+entry.Name(), newAsset(content, contentType, ""))
			}
		}
	}
}

// mountSwagger adds the files of Swagger UI, which are embedded compressed.
func mountSwagger(mux Mux) {
	for name, contentType := range map[string]string{
		"swagger-ui-bundle.js": "text/javascript; charset=utf-8",
		"swagger-ui.css":       "text/css; charset=utf-8",
	} {
		mux.Handle("GET /docs/"+name, newCompressedAsset(must(static.FS.ReadFile(name+".gz")), contentType))
	}
}

// render executes the template of a page.
func render(file string, links Links) []byte {
	var page bytes.Buffer
	must(0, must(template.ParseFS(files, file)).Execute(&page, links))
	return page.Bytes()
}

// must returns the value and panics on an error, which here means a broken embedded file.
func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// RedirectTo redirects permanently to a path relative to the requested one. Unlike http.Redirect it keeps the path
// relative, so that it works behind a proxy that serves the site below a path of its own.
func RedirectTo(path string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", path)
		w.WriteHeader(http.StatusPermanentRedirect)
	})
}

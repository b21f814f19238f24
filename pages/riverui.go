package pages

import (
	"bytes"
	"html/template"
	"net/http"
	"strconv"
	"strings"
)

// FrameRiverUI returns River UI with a bar above its pages that leads back to the others. It and riverui/ rely on what
// River UI does not promise: the ends of the head and of what is before the element root in its page, the configuration
// in it, the paths and parameters of its pages, the API of its jobs, and two classes of its style sheet. The tests of
// River UI in Chromium fail when that changes.
func FrameRiverUI(ui http.Handler) http.Handler {
	frame := must(template.ParseFS(files, "riverui/*.html"))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", riverUIPolicy)
		w.Header().Set("Referrer-Policy", referrerPolicy)
		page := framed{ResponseWriter: w}
		ui.ServeHTTP(&page, r)
		// References are relative, so that the bar is there although a proxy does not tell its path, and can say so.
		page.finish(frame, strings.Repeat("../", max(0, strings.Count(r.URL.EscapedPath(), "/")-1)))
	})
}

// framed is a response that gets the bar if it is a page. Pages, which are small, are held back.
type framed struct {
	http.ResponseWriter
	begun  bool
	isPage bool
	page   bytes.Buffer
}

// WriteHeader implements http.ResponseWriter.
func (w *framed) WriteHeader(status int) {
	if !w.begun && status >= http.StatusOK {
		w.begun = true
		header := w.Header()
		w.isPage = status == http.StatusOK && strings.HasPrefix(header.Get("Content-Type"), "text/html")
		if w.isPage {
			header.Del("Content-Length") // also that of the response to HEAD
			header.Del("Accept-Ranges")
		}
	}
	if !w.isPage {
		w.ResponseWriter.WriteHeader(status)
	}
}

// Write implements http.ResponseWriter.
func (w *framed) Write(p []byte) (int, error) {
	if !w.begun {
		w.WriteHeader(http.StatusOK)
	}
	if w.isPage {
		return w.page.Write(p)
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the server's own writer.
func (w *framed) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// finish sends a page that was held back. The reference to the start page is root.
func (w *framed) finish(frame *template.Template, root string) {
	if !w.isPage {
		return
	}
	page := w.page.Bytes()
	if len(page) > 0 { // not the response to HEAD
		for mark, name := range map[string]string{"</head>": "head.html", `<div id="root"`: "bar.html"} {
			var text bytes.Buffer
			must(0, frame.ExecuteTemplate(&text, name, root))
			page = bytes.Replace(page, []byte(mark), append(text.Bytes(), mark...), 1)
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(page)))
	}
	w.ResponseWriter.WriteHeader(http.StatusOK)
	_, _ = w.ResponseWriter.Write(page) // the client may be gone
}

package problem

import (
	_ "embed" // docs.md
	"html"
	"net/http"
	"regexp"
	"strings"
)

// docs describes the codes in Markdown: a text, and a table with a row for each. docs/problems.md is a copy.
//
//go:embed docs.md
var docs string

// docsPolicy is the content security policy of the page: it loads nothing.
const docsPolicy = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
	"style-src 'unsafe-inline'"

const docsHead = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Problems · Millrace</title><style>:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}
body{max-width:64rem;margin:2rem auto;padding:0 1rem}table{border-collapse:collapse}
td,th{padding:.4rem .6rem;border-bottom:1px solid #8886;text-align:left;vertical-align:top}
tr:target{background:#fd08}</style></head><body><p><a href="/docs/">Docs</a></p>
`

// Docs returns the page that the types of problems lead to.
func Docs() http.Handler {
	page := []byte(docsHead + render(docs) + "</body></html>\n")
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", docsPolicy)
		_, _ = w.Write(page) // the client may be gone
	})
}

var (
	anchor = regexp.MustCompile(`^&lt;a id=&#34;([a-z_]+)&#34;&gt;&lt;/a&gt;`)
	code   = regexp.MustCompile("`([^`]*)`")
)

// render makes HTML of the Markdown of docs: a heading, paragraphs, and a table.
func render(markdown string) string {
	var page strings.Builder
	for block := range strings.SplitSeq(strings.TrimSpace(markdown), "\n\n") {
		text := html.EscapeString(block)
		switch {
		case strings.HasPrefix(text, "# "):
			page.WriteString("<h1>" + text[2:] + "</h1>\n")
		case strings.HasPrefix(text, "|"):
			page.WriteString("<table>\n")
			for n, row := range strings.Split(text, "\n") {
				if n != 1 { // the line below the head
					page.WriteString(renderRow(row, n == 0))
				}
			}
			page.WriteString("</table>\n")
		default:
			page.WriteString("<p>" + code.ReplaceAllString(text, "<code>$1</code>") + "</p>\n")
		}
	}
	return page.String()
}

func renderRow(row string, head bool) string {
	cell := "td"
	if head {
		cell = "th"
	}
	id, cells := "", ""
	for text := range strings.SplitSeq(strings.Trim(row, "| "), "|") {
		text = strings.TrimSpace(text)
		if found := anchor.FindStringSubmatch(text); found != nil {
			id = ` id="` + found[1] + `"`
			text = strings.TrimPrefix(text, found[0])
		}
		cells += "<" + cell + ">" + code.ReplaceAllString(text, "<code>$1</code>") + "</" + cell + ">"
	}
	return "<tr" + id + ">" + cells + "</tr>\n"
}

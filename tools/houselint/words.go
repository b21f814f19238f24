package main

import (
	"go/ast"
	"go/token"
	"path"
	"regexp"
	"strings"
	"unicode"
)

// words are those that the repository does not use, or not for this. Whole words are meant, in identifiers, in comments
// and in texts. Quoted, a word is a value of the API or of a column: "product".
var words = []struct {
	forms string         // a regular expression for one word
	use   string         // the word to use
	allow *regexp.Regexp // phrases that contain the word and are right; may be nil
	right string         // the folder in which the word is right; may be empty
}{
	{"products?", "multiplication, or result for its matrix", mathematics, "matrix"},
	{"(un)?answer(s|ed|ing|ers?)?", "response, returns, responds with", nil, ""},
	{"patience", "grace period, or timeout", nil, ""},
	{"outbox(es)?", "pending", nil, ""},
	{"followers?", "subscriber", nil, ""},
}

// mathematics matches phrases in which a "product" is one of numbers or matrices.
var mathematics = regexp.MustCompile(`(?i)` + strings.Join([]string{
	`\b(inner|outer|dot|scalar|matrix|vector)(-|\s+)?products?\b`,
	`\bproducts?\s+of\s+(\S+\s+){0,6}` +
		`(matri(x|ces)|vectors?|operands|factors|panels|rows|columns|numbers|elements|a\s+and\s+b)\b`,
	`\bproducts?\s+\(?[a-z]ᵀ?\s*[·=]`, // A·B, C = A·B, m·k·n
	`\bsums?\s+of\s+(the\s+)?products\b`,
	`\bby\s+\S+×\S+\s+products?\b`, // an m×k by k×n product
}, "|"))

// forms are the words of the table, compiled.
var forms = func() []*regexp.Regexp {
	compiled := make([]*regexp.Regexp, len(words))
	for i, w := range words {
		compiled[i] = regexp.MustCompile(`(?i)\b(` + w.forms + `)\b`)
	}
	return compiled
}()

func checkWords(f *file, report reporter) {
	if under(f.path, "migrations") && !f.isGo() || f.path == "docs/glossary.md" {
		return // databases have run the migrations as they are; the glossary names what is not said
	}
	name := path.Base(f.path)
	f.findWords(spell(strings.TrimSuffix(name, path.Ext(name))), func(_ int, word, use string) {
		report.at(1, "%s in the name of the file: say %s", word, use)
	})
	if !f.isGo() {
		f.findWords(blank(string(f.text)), func(at int, word, use string) {
			report.at(f.lineAt(at), "%s: say %s", word, use)
		})
		return
	}
	for _, group := range f.ast.Comments {
		f.reportWords(group, report)
	}
	ast.Inspect(f.ast, func(n ast.Node) bool {
		if text, ok := n.(*ast.BasicLit); ok && text.Kind == token.STRING && strings.Contains(text.Value, " ") {
			f.reportWords(text, report)
		}
		for _, id := range declared(n) {
			f.findWords(spell(id.Name), func(_ int, word, use string) {
				report.at(f.line(id.Pos()), "%s in the name %s: say %s", word, id.Name, use)
			})
		}
		return true
	})
}

// reportWords reports the words in a comment or a string.
func (f *file) reportWords(n ast.Node, report reporter) {
	from, to := f.offset(n.Pos()), f.offset(n.End())
	f.findWords(blank(string(f.text[from:to])), func(at int, word, use string) {
		report.at(f.lineAt(from+at), "%s: say %s", word, use)
	})
}

// findWords calls found for each forbidden word of a text, with its offset.
func (f *file) findWords(text string, found func(at int, word, use string)) {
	for i, form := range forms {
		if words[i].right != "" && under(f.path, words[i].right) {
			continue
		}
		var allowed [][]int
		if words[i].allow != nil {
			allowed = words[i].allow.FindAllStringIndex(text, -1)
		}
		for _, m := range form.FindAllStringIndex(text, -1) {
			if !within(allowed, m) && !quoted(text, m) {
				found(m[0], text[m[0]:m[1]], words[i].use)
			}
		}
	}
}

func within(spans [][]int, m []int) bool {
	for _, s := range spans {
		if s[0] <= m[0] && m[1] <= s[1] {
			return true
		}
	}
	return false
}

// quoted reports whether a word is a value: in quotation marks or, as in a URL, after an equals sign.
func quoted(text string, m []int) bool {
	const marks = "\"'`"
	before := m[0] > 0 && strings.IndexByte(marks+"=", text[m[0]-1]) >= 0
	after := m[1] == len(text) || strings.IndexByte(marks+`\&`, text[m[1]]) >= 0
	return before && (after || text[m[0]-1] == '=')
}

// lineBreak matches the end of a line and what begins the next one in a comment.
var lineBreak = regexp.MustCompile(`\n[ \t]*(//|--|#|>|\*)?`)

// blank makes a text one line in which every word keeps its offset, so that a phrase may go over the end of a line.
func blank(text string) string {
	return lineBreak.ReplaceAllStringFunc(text, func(s string) string { return strings.Repeat(" ", len(s)) })
}

// spell splits an identifier into words: "newTileRows" is "new Tile Rows".
func spell(name string) string {
	var b strings.Builder
	lower := false
	for _, r := range name {
		if r == '_' || unicode.IsUpper(r) && lower {
			b.WriteByte(' ')
		}
		if r != '_' {
			b.WriteRune(r)
		}
		lower = !unicode.IsUpper(r)
	}
	return b.String()
}

// declared returns the identifiers that a node declares.
func declared(n ast.Node) []*ast.Ident {
	switch n := n.(type) {
	case *ast.File:
		return []*ast.Ident{n.Name}
	case *ast.FuncDecl:
		return []*ast.Ident{n.Name}
	case *ast.TypeSpec:
		return []*ast.Ident{n.Name}
	case *ast.ValueSpec:
		return n.Names
	case *ast.Field:
		return n.Names
	case *ast.AssignStmt:
		if n.Tok == token.DEFINE {
			return identifiers(n.Lhs...)
		}
	case *ast.RangeStmt:
		if n.Tok == token.DEFINE {
			return identifiers(n.Key, n.Value)
		}
	}
	return nil
}

func identifiers(list ...ast.Expr) []*ast.Ident {
	var ids []*ast.Ident
	for _, e := range list {
		if id, ok := e.(*ast.Ident); ok {
			ids = append(ids, id)
		}
	}
	return ids
}

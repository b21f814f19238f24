package main

import (
	"go/ast"
	"regexp"
	"slices"
	"strings"
)

// people matches words for people in a comment. Phrases that really are about people come first and are no finding,
// nor is a quotation.
var people = regexp.MustCompile(`(?i)"[^"]*"` +
	`|\b(people|persons?|users?|operators?|developers?|readers?|authors?) who\b` +
	`|\b(?P<word>who|whoever|nobody|somebody|someone|everybody|everyone|anybody|anyone)\b`)

func checkPeople(f *file, report reporter) {
	if !f.isGo() {
		return
	}
	for _, group := range f.ast.Comments {
		from := f.offset(group.Pos())
		text := blank(string(f.text[from:f.offset(group.End())]))
		word := 2 * people.SubexpIndex("word")
		for _, m := range people.FindAllStringSubmatchIndex(text, -1) {
			if m[word] >= 0 {
				report.at(f.lineAt(from+m[word]), "%s: name the process, client or caller", text[m[word]:m[word+1]])
			}
		}
	}
}

func checkDocs(f *file, report reporter) {
	if !f.isGo() {
		return
	}
	for _, decl := range f.ast.Decls {
		switch decl := decl.(type) {
		case *ast.FuncDecl:
			if !strings.HasPrefix(decl.Name.Name, "Example") { // whose comments are shown beside the code
				f.checkDoc(decl.Doc, report, decl.Name)
			}
		case *ast.GenDecl:
			for _, spec := range decl.Specs {
				doc := decl.Doc
				if decl.Lparen.IsValid() { // the comment of the group is about all of it
					doc = nil
				}
				switch spec := spec.(type) {
				case *ast.TypeSpec:
					f.checkDoc(either(spec.Doc, doc), report, spec.Name)
				case *ast.ValueSpec:
					f.checkDoc(either(spec.Doc, doc), report, spec.Names...)
				}
			}
		}
	}
}

func either(a, b *ast.CommentGroup) *ast.CommentGroup {
	if a != nil {
		return a
	}
	return b
}

// checkDoc reports a doc comment that begins with none of the names that are declared.
func (f *file) checkDoc(doc *ast.CommentGroup, report reporter, names ...*ast.Ident) {
	first := strings.Fields(doc.Text()) // without directives
	if len(first) == 0 || len(names) == 0 {
		return
	}
	word := strings.TrimSuffix(strings.TrimRight(first[0], ",:."), "'s")
	if !slices.ContainsFunc(names, func(id *ast.Ident) bool { return id.Name == word }) {
		report.at(f.line(doc.Pos()), "the comment begins with %q, not with %s", first[0], names[0].Name)
	}
}

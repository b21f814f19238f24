package main

import (
	"go/ast"
	"go/token"
	"go/types"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

func checkSleeps(f *file, report reporter) {
	if !f.isTest() {
		return
	}
	commented := map[int]bool{}
	for _, group := range f.ast.Comments {
		for line := f.line(group.Pos()); line <= f.line(group.End()); line++ {
			commented[line] = true
		}
	}
	polls := map[ast.Node]bool{}
	ast.Inspect(f.ast, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ForStmt: // for !done(); time.Sleep(…) waits for a state
			if post, ok := n.Post.(*ast.ExprStmt); ok {
				polls[post.X] = true
			}
		case *ast.CallExpr:
			line := f.line(n.Pos())
			if types.ExprString(n.Fun) == "time.Sleep" && !polls[n] && !commented[line] && !commented[line-1] {
				report.at(line, "wait for a state or a signal, or say in a comment why not")
			}
		}
		return true
	})
}

// checkFailures reports the failures that print values and neither a word nor an error, and those that say got and not
// want.
func checkFailures(f *file, report reporter) {
	f.failures(func(call *ast.CallExpr, text string) {
		line := f.line(call.Pos())
		switch {
		case showsValues(call) && !letters.MatchString(verb.ReplaceAllString(text, "")):
			report.at(line, "%q has no word: say what was got, and what is wanted", text)
		case got.MatchString(text) && !want.MatchString(text):
			report.at(line, "%q says got and not want", text)
		}
	})
}

// checkWants reports the failures that print values and neither an error nor what is wanted.
func checkWants(f *file, report reporter) {
	f.failures(func(call *ast.CallExpr, text string) {
		if showsValues(call) && !want.MatchString(text) {
			report.at(f.line(call.Pos()), "%q does not say what is wanted", text)
		}
	})
}

var (
	verb    = regexp.MustCompile(`%[-+# 0]*[\d.*]*(\[\d+\])?[a-zA-Z]`)
	letters = regexp.MustCompile(`\pL`)
	got     = regexp.MustCompile(`\bgot\b`)
	want    = regexp.MustCompile(`\bwant`)
)

// failures calls found for each call of Errorf and Fatalf of a test, with its format.
func (f *file) failures(found func(call *ast.CallExpr, text string)) {
	if !f.isTest() {
		return
	}
	ast.Inspect(f.ast, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) == 0 {
			return true
		}
		fun, ok := call.Fun.(*ast.SelectorExpr)
		if !ok || fun.Sel.Name != "Errorf" && fun.Sel.Name != "Fatalf" || types.ExprString(fun.X) == "fmt" {
			return true
		}
		if lit, ok := call.Args[0].(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if text, err := strconv.Unquote(lit.Value); err == nil {
				found(call, text)
			}
		}
		return true
	})
}

// showsValues reports whether a failure prints values that are no errors: an error tells what went wrong by itself.
func showsValues(call *ast.CallExpr) bool {
	return len(call.Args) > 1 && !slices.ContainsFunc(call.Args[1:], isError)
}

// isError reports whether an expression is an error, by its name.
func isError(e ast.Expr) bool {
	name := strings.ToLower(types.ExprString(e))
	return strings.HasSuffix(name, "err") || strings.HasSuffix(name, "err()") || strings.HasSuffix(name, "error()")
}

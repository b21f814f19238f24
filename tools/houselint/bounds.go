package main

import (
	"go/ast"
	"go/types"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// unboundedTests are the folders of code that runs in tests only: the test's own timeout is their bound.
var unboundedTests = []string{"internal/browsertest", "internal/reexec", "internal/testdb", "internal/wire"}

// mayConnect are the folders that may open connections to Postgres: where their timeouts are set, and the private
// Postgres of dev and demo.
var mayConnect = []string{"store/database", "internal/devdb"}

// unboundedCalls are functions that wait for others without a bound, and what to call instead.
var unboundedCalls = map[string]string{
	"net.Dial":            "net.Dialer.DialContext",
	"net.DialIP":          "net.Dialer.DialContext",
	"net.DialTCP":         "net.Dialer.DialContext",
	"net.DialUDP":         "net.Dialer.DialContext",
	"net.DialUnix":        "net.Dialer.DialContext",
	"net.LookupAddr":      "net.Resolver.LookupAddr",
	"net.LookupHost":      "net.Resolver.LookupHost",
	"net.LookupIP":        "net.Resolver.LookupIPAddr",
	"tls.Dial":            "tls.Dialer.DialContext",
	"http.Get":            "a client with a timeout",
	"http.Head":           "a client with a timeout",
	"http.Post":           "a client with a timeout",
	"http.PostForm":       "a client with a timeout",
	"http.ListenAndServe": "a server with timeouts",
	"http.Serve":          "a server with timeouts",
}

// connects matches the functions that open connections to Postgres.
var connects = regexp.MustCompile(`^(pgx|pgxpool|pgconn)\.(Connect|New)|^sql\.Open|^stdlib\.OpenDB$`)

// timeouts are the fields without which a literal waits for ever; any one of a list will do.
var timeouts = map[string][][]string{
	"net.Dialer":     {{"Timeout", "Deadline"}},
	"http.Client":    {{"Timeout"}},
	"http.Server":    {{"ReadHeaderTimeout"}, {"IdleTimeout"}},
	"http.Transport": {{"DialContext"}, {"ResponseHeaderTimeout"}, {"TLSHandshakeTimeout"}},
}

// limits are the functions that bound a context. WithCancel does: what stops a loop is its bound.
var limits = []string{
	"context.WithTimeout", "context.WithTimeoutCause", "context.WithDeadline", "context.WithDeadlineCause",
	"context.WithCancel", "context.WithCancelCause",
}

// endless are the functions whose contexts do not end, or whose statements may take as long as their context.
var endless = []string{"context.Background", "context.TODO", "context.WithoutCancel", "database.Unhurried"}

// stops matches the names of functions that others wait for when a process ends.
var stops = regexp.MustCompile(`^(?i:stop|close|shutdown|abort|halt)`)

func checkBounds(f *file, report reporter) {
	inFolder := func(folder string) bool { return under(f.path, folder) }
	if !f.isGo() || f.isTest() || slices.ContainsFunc(unboundedTests, inFolder) {
		return
	}
	b := bounds{file: f, reporter: report}
	b.database = slices.ContainsFunc(mayConnect, inFolder)
	for _, decl := range f.ast.Decls {
		b.check(decl)
	}
}

// bounds checks one file.
type bounds struct {
	*file
	reporter
	database bool // the file may connect to Postgres
}

func (b bounds) check(decl ast.Decl) {
	fn, _ := decl.(*ast.FuncDecl)
	bounded := boundedArguments(decl)
	isMain := fn != nil && b.ast.Name.Name == "main" && fn.Recv == nil && fn.Name.Name == "main"
	ast.Inspect(decl, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			b.checkCall(n)
			if name := b.name(n.Fun); slices.Contains(endless, name) && !bounded[n] && !isMain {
				b.at(b.line(n.Pos()), "%s: put a deadline on the context here, or say what bounds it", name)
			}
		case *ast.SelectorExpr:
			if b.name(n) == "http.DefaultClient" {
				b.at(b.line(n.Pos()), "http.DefaultClient waits for ever: use a client with a timeout, or say what bounds it")
			}
		case *ast.CompositeLit:
			b.checkLiteral(n)
		}
		return true
	})
	if fn != nil && fn.Body != nil && stops.MatchString(fn.Name.Name) {
		b.checkStop(fn)
	}
}

func (b bounds) checkCall(call *ast.CallExpr) {
	name := b.name(call.Fun)
	instead, found := unboundedCalls[strings.TrimSuffix(name, "TLS")]
	switch {
	case found:
		b.at(b.line(call.Pos()), "%s waits for ever: use %s", name, instead)
	case name == "" && types.ExprString(call.Fun) == "new" && len(call.Args) == 1 && timeouts[b.name(call.Args[0])] != nil:
		b.at(b.line(call.Pos()), "%s has no timeout", b.name(call.Args[0]))
	case connects.MatchString(name) && !b.database:
		b.at(b.line(call.Pos()), "%s: connections to Postgres come from store/database, which sets their timeouts", name)
	}
}

func (b bounds) checkLiteral(lit *ast.CompositeLit) {
	name := b.name(lit.Type)
	for _, fields := range timeouts[name] {
		if !slices.ContainsFunc(lit.Elts, func(e ast.Expr) bool {
			pair, ok := e.(*ast.KeyValueExpr)
			return ok && slices.Contains(fields, types.ExprString(pair.Key))
		}) {
			b.at(b.line(lit.Pos()), "%s has no %s", name, strings.Join(fields, " or "))
		}
	}
}

// checkStop reports the waits of a function that stops something, unless a select gives them another way out.
func (b bounds) checkStop(fn *ast.FuncDecl) {
	ast.Inspect(fn.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			return false
		case *ast.CommClause:
			for _, stmt := range n.Body { // what it waits for is one of several
				b.checkStop(&ast.FuncDecl{Name: fn.Name, Body: &ast.BlockStmt{List: []ast.Stmt{stmt}}})
			}
			return false
		case *ast.UnaryExpr:
			if n.Op.String() == "<-" {
				b.at(b.line(n.Pos()), "%s waits for %s: select, or say what bounds it", fn.Name.Name, types.ExprString(n.X))
			}
		case *ast.CallExpr:
			if method, ok := n.Fun.(*ast.SelectorExpr); ok && method.Sel.Name == "Wait" && len(n.Args) == 0 {
				b.at(b.line(n.Pos()), "%s waits for %s: select, or say what bounds it", fn.Name.Name,
					types.ExprString(method.X))
			}
		}
		return true
	})
}

// boundedArguments returns the calls whose result gets a deadline in the same declaration: the first arguments of
// WithTimeout and the like, and what is assigned to a variable that becomes one later.
func boundedArguments(decl ast.Decl) map[*ast.CallExpr]bool {
	bounded := map[*ast.CallExpr]bool{}
	assigned := map[string]*ast.CallExpr{}
	ast.Inspect(decl, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			if call, ok := n.Rhs[0].(*ast.CallExpr); ok && len(n.Lhs) == 1 && len(n.Rhs) == 1 {
				assigned[types.ExprString(n.Lhs[0])] = call
			}
		case *ast.CallExpr:
			if len(n.Args) == 0 || !slices.Contains(limits, types.ExprString(n.Fun)) {
				return true
			}
			if call, ok := n.Args[0].(*ast.CallExpr); ok {
				bounded[call] = true
			} else if call := assigned[types.ExprString(n.Args[0])]; call != nil {
				bounded[call] = true
			}
		}
		return true
	})
	return bounded
}

// name returns the name of something of an imported package, with the last part of the package's path; else "".
func (b bounds) name(e ast.Expr) string {
	selector, ok := e.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	local, ok := selector.X.(*ast.Ident)
	if !ok {
		return ""
	}
	for _, spec := range b.ast.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue
		}
		last := path.Base(imported)
		if major.MatchString(last) {
			last = path.Base(path.Dir(imported))
		}
		if spec.Name != nil && spec.Name.Name == local.Name || spec.Name == nil && last == local.Name {
			return last + "." + selector.Sel.Name
		}
	}
	return ""
}

// major matches the last part of the path of a module's later major version.
var major = regexp.MustCompile(`^v[0-9]+$`)

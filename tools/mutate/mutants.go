package main

import (
	"fmt"
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
)

// mutant is one change of one file.
type mutant struct {
	file     string // relative to the root, with slashes
	line     int
	column   int
	function string // what to look for in the profile if no block contains the position
	before   string // the line, without the space around it
	after    string // the same of the changed file
	text     []byte // of the changed file
	first    int    // the lines of the function
	last     int
	place    int // in the sample
}

// key names a mutant independently of where in its file it is.
func (m *mutant) key() string { return m.file + "\n- " + m.before + "\n+ " + m.after }

var generated = regexp.MustCompile(`(?m)^// Code generated .* DO NOT EDIT\.$`)

// mutantsOf returns the mutants of a package, in the order of its files.
func mutantsOf(root, folder string) ([]*mutant, error) {
	files, err := filesOf(root, folder)
	if err != nil {
		return nil, err
	}
	var all []*mutant
	for _, f := range files {
		mutants, err := mutantsOfFile(f.name, f.text)
		if err != nil {
			return nil, err
		}
		all = append(all, mutants...)
	}
	return all, nil
}

// file is one of a package, but no test.
type file struct {
	name string // relative to the root, with slashes
	text []byte
}

// filesOf returns the files of a package that were not generated.
func filesOf(root, folder string) ([]file, error) {
	pkg, err := build.ImportDir(filepath.Join(root, folder), 0)
	if err != nil {
		return nil, err
	}
	var all []file
	for _, name := range pkg.GoFiles {
		text, err := os.ReadFile(filepath.Join(root, folder, name)) //#nosec G304 -- of the repository
		if err != nil {
			return nil, err
		}
		if !generated.Match(text) {
			all = append(all, file{path.Join(folder, name), text})
		}
	}
	return all, nil
}

// mutantsOfFile returns the mutants of a file.
func mutantsOfFile(name string, text []byte) ([]*mutant, error) {
	fset := token.NewFileSet()
	tree, err := parser.ParseFile(fset, name, text, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	f := &finder{
		name: name,
		text: text,
		fset: fset,
		seen: map[string]int{},
	}
	for _, decl := range tree.Decls {
		if fn, ok := decl.(*ast.FuncDecl); ok && fn.Body != nil {
			f.function = fn
			f.walk(fn.Type, fn.Body)
		}
	}
	return f.found, nil
}

// finder finds the places of a file that can be changed.
type finder struct {
	name     string
	text     []byte
	fset     *token.FileSet
	function *ast.FuncDecl
	found    []*mutant
	seen     map[string]int
}

// walk looks at the body of a function. Those inside of it have results of their own.
func (f *finder) walk(typ *ast.FuncType, body *ast.BlockStmt) {
	fails := returnsError(typ)
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			f.walk(n.Type, n.Body)
			return false
		case *ast.IfStmt:
			f.negate(n.Cond)
		case *ast.ForStmt:
			f.negate(n.Cond)
		case *ast.BinaryExpr:
			f.operator(n.OpPos, n.Op)
		case *ast.AssignStmt:
			f.assignment(n)
		case *ast.IncDecStmt:
			f.operator(n.TokPos, n.Tok)
		case *ast.ReturnStmt:
			if fails {
				f.result(n)
			}
		case *ast.ExprStmt:
			f.call(n)
		}
		return true
	})
}

// operators are what becomes of each.
var operators = map[token.Token][]token.Token{
	token.EQL:        {token.NEQ},
	token.NEQ:        {token.EQL},
	token.LSS:        {token.LEQ, token.GEQ},
	token.LEQ:        {token.LSS, token.GTR},
	token.GTR:        {token.GEQ, token.LEQ},
	token.GEQ:        {token.GTR, token.LSS},
	token.LAND:       {token.LOR},
	token.LOR:        {token.LAND},
	token.ADD:        {token.SUB},
	token.SUB:        {token.ADD},
	token.MUL:        {token.QUO},
	token.QUO:        {token.MUL},
	token.REM:        {token.MUL},
	token.SHL:        {token.SHR},
	token.SHR:        {token.SHL},
	token.AND:        {token.OR},
	token.OR:         {token.AND},
	token.XOR:        {token.AND},
	token.ADD_ASSIGN: {token.SUB_ASSIGN},
	token.SUB_ASSIGN: {token.ADD_ASSIGN},
	token.MUL_ASSIGN: {token.QUO_ASSIGN},
	token.QUO_ASSIGN: {token.MUL_ASSIGN},
	token.INC:        {token.DEC},
	token.DEC:        {token.INC},
}

func (f *finder) operator(pos token.Pos, op token.Token) {
	for _, other := range operators[op] {
		f.change(pos, pos+token.Pos(len(op.String())), other.String())
	}
}

// negate inverts a condition. A comparison is inverted by its operator.
func (f *finder) negate(cond ast.Expr) {
	if cond == nil {
		return
	}
	if b, ok := cond.(*ast.BinaryExpr); ok && b.Op != token.LAND && b.Op != token.LOR {
		return
	}
	f.change(cond.Pos(), cond.End(), "!("+f.source(cond)+")")
}

// assignment drops what is assigned, and keeps what is evaluated.
func (f *finder) assignment(n *ast.AssignStmt) {
	switch n.Tok {
	case token.DEFINE:
	case token.ASSIGN:
		if id, ok := n.Lhs[0].(*ast.Ident); ok && id.Name == "_" {
			return // nothing is, or not all of it
		}
		f.change(n.Lhs[0].Pos(), n.Lhs[len(n.Lhs)-1].End(), strings.TrimSuffix(strings.Repeat("_, ", len(n.Lhs)), ", "))
	default:
		f.operator(n.TokPos, n.Tok)
	}
}

// result returns nil instead of an error.
func (f *finder) result(n *ast.ReturnStmt) {
	if len(n.Results) == 0 {
		return
	}
	last := n.Results[len(n.Results)-1]
	if id, ok := last.(*ast.Ident); ok && id.Name == "nil" {
		return
	}
	f.change(last.Pos(), last.End(), "nil")
}

// logged are the names of the calls that only tell something.
var logged = regexp.MustCompile(`^(Debug|Info|Warn|Error|Log)(Context|Attrs)?$|^panic$`)

// call drops a call, and keeps its arguments, so that the variables are still used.
func (f *finder) call(n *ast.ExprStmt) {
	call, ok := n.X.(*ast.CallExpr)
	if !ok || call.Ellipsis.IsValid() {
		return
	}
	name := ""
	switch fun := call.Fun.(type) {
	case *ast.Ident:
		name = fun.Name
	case *ast.SelectorExpr:
		name = fun.Sel.Name
	}
	if logged.MatchString(name) {
		return
	}
	args := make([]string, len(call.Args))
	for i, a := range call.Args {
		args[i] = f.source(a)
	}
	f.change(n.Pos(), n.End(), "_ = []any{"+strings.Join(args, ", ")+"}")
}

func (f *finder) source(n ast.Node) string {
	return string(f.text[f.offset(n.Pos()):f.offset(n.End())])
}

func (f *finder) offset(pos token.Pos) int { return f.fset.Position(pos).Offset }

// change adds the mutant that has other text between two positions.
func (f *finder) change(from, to token.Pos, text string) {
	at := f.fset.Position(from)
	start := at.Offset
	end := f.offset(to)
	changed := string(f.text[:start]) + text + string(f.text[end:])
	m := &mutant{
		file:     f.name,
		line:     at.Line,
		column:   at.Column,
		function: f.function.Name.Name,
		before:   lineAt(string(f.text), start),
		after:    lineAt(changed, start),
		text:     []byte(changed),
		first:    f.fset.Position(f.function.Pos()).Line,
		last:     f.fset.Position(f.function.End()).Line,
	}
	f.seen[m.key()]++
	if n := f.seen[m.key()]; n > 1 {
		m.after += fmt.Sprintf(" // %s, number %d", m.function, n) // the same line is there again
	}
	f.found = append(f.found, m)
}

// lineAt returns the line of an offset, without the space around it.
func lineAt(text string, offset int) string {
	start := strings.LastIndexByte(text[:offset], '\n') + 1
	line, _, _ := strings.Cut(text[start:], "\n")
	return strings.TrimSpace(line)
}

// returnsError reports whether the last result of a function is an error.
func returnsError(typ *ast.FuncType) bool {
	if typ.Results == nil || len(typ.Results.List) == 0 {
		return false
	}
	id, ok := typ.Results.List[len(typ.Results.List)-1].Type.(*ast.Ident)
	return ok && id.Name == "error"
}

package main

import (
	"go/ast"
	"go/token"
)

// maxPacked is how many fields of a struct may share a line.
const maxPacked = 2

func checkLiterals(f *file, report reporter) {
	if !f.isGo() {
		return
	}
	elided := map[ast.Expr]ast.Expr{} // the types of literals that leave it to the literal around them
	moved := map[ast.Node]bool{}      // comments that go with a literal
	ast.Inspect(f.ast, func(n ast.Node) bool {
		lit, ok := n.(*ast.CompositeLit)
		if !ok {
			return true
		}
		typ := lit.Type
		if typ == nil {
			typ = elided[lit]
		}
		key, elem := f.pkg.elements(typ)
		if elem == nil {
			if isPacked(f, lit, typ) {
				report(f.line(lit.Pos()), f.unpack(lit, moved), "%d fields: one per line", len(lit.Elts))
			}
			return true
		}
		if f.isTest() { // a table, whose rows may be packed
			return false
		}
		for _, e := range lit.Elts {
			if kv, ok := e.(*ast.KeyValueExpr); ok {
				elided[kv.Key] = key
				e = kv.Value
			}
			elided[e] = elem
		}
		return true
	})
}

// elements returns the types of the keys and the elements of a map, slice or array, nil if typ is none or unknown.
func (p *pkg) elements(typ ast.Expr) (key, elem ast.Expr) {
	switch typ := typ.(type) {
	case *ast.MapType:
		return base(typ.Key), base(typ.Value)
	case *ast.ArrayType:
		return nil, base(typ.Elt)
	case *ast.Ident:
		if declared := p.types[typ.Name]; declared != nil && declared != ast.Expr(typ) {
			return p.elements(declared)
		}
	case *ast.IndexExpr: // the instance of a generic type
		return p.elements(typ.X)
	}
	return nil, nil
}

// base returns what a pointer points to: &T may be left out of a literal, too.
func base(typ ast.Expr) ast.Expr {
	if p, ok := typ.(*ast.StarExpr); ok {
		return p.X
	}
	return typ
}

// isPacked reports whether a literal is one of a struct with more than maxPacked named fields, two of them on a line,
// or one on the line of a brace.
func isPacked(f *file, lit *ast.CompositeLit, typ ast.Expr) bool {
	if len(lit.Elts) <= maxPacked {
		return false
	}
	_, foreign := typ.(*ast.SelectorExpr)
	last := lit.Lbrace
	packed := false
	for _, e := range lit.Elts {
		kv, ok := e.(*ast.KeyValueExpr)
		if !ok {
			return false
		}
		name, ok := kv.Key.(*ast.Ident)
		if !ok || foreign && !name.IsExported() { // a key of another package's map
			return false
		}
		packed = packed || f.line(last) == f.line(e.Pos())
		last = e.End()
	}
	return packed || f.line(last) == f.line(lit.Rbrace)
}

// unpack returns the edits that give each field a line; gofmt does the rest. A comment at the end of the line goes to
// the brace of the outermost literal, which is the first to ask.
func (f *file) unpack(lit *ast.CompositeLit, moved map[ast.Node]bool) []edit {
	var edits []edit
	insert := func(pos token.Pos, text string) {
		edits = append(edits, edit{
			from: f.offset(pos),
			to:   f.offset(pos),
			text: text,
		})
	}
	last := lit.Lbrace
	if comment := f.trailing(lit); comment != nil && !moved[comment] {
		moved[comment] = true
		from, to := f.offset(comment.Pos()), f.offset(comment.End())
		edits = append(edits, edit{from: from, to: to})
		insert(lit.Lbrace+1, " "+string(f.text[from:to]))
	}
	for _, e := range lit.Elts {
		if f.line(last) == f.line(e.Pos()) {
			insert(e.Pos(), "\n")
		}
		last = e.End()
	}
	if f.line(last) == f.line(lit.Rbrace) {
		insert(last, ",\n")
	}
	return edits
}

// trailing returns the comment at the end of the line, if the literal is all on that line: on the line on which the
// statement begins a directive is about all of the statement, on that of the last brace about nothing.
func (f *file) trailing(lit *ast.CompositeLit) ast.Node {
	line := f.line(lit.Rbrace)
	if f.line(lit.Lbrace) != line {
		return nil
	}
	for _, group := range f.ast.Comments {
		if group.Pos() > lit.Rbrace && f.line(group.Pos()) == line {
			return group.List[0]
		}
	}
	return nil
}

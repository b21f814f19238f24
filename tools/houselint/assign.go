package main

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"
)

func checkAssignments(f *file, report reporter) {
	if !f.isGo() {
		return
	}
	related := map[ast.Stmt]bool{} // by their place
	ast.Inspect(f.ast, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ForStmt: // the state of the loop
			related[n.Init] = true
			related[n.Post] = true
		case *ast.IfStmt: // what the condition compares
			related[n.Init] = true
		case *ast.AssignStmt:
			if !related[n] && !belong(n.Lhs, n.Rhs) {
				report.at(f.line(n.Pos()), "%d assignments in one: one per line", len(n.Rhs))
			}
		case *ast.ValueSpec:
			if !belong(nil, n.Values) {
				report.at(f.line(n.Pos()), "%d declarations in one: one per line", len(n.Values))
			}
		}
		return true
	})
}

// belong reports whether the values of an assignment belong together:
//   - a right side reads what another left side writes, as in a swap,
//   - all are made by one function, as in x, y := read(a), read(b), or
//   - all are expressions of one kind, as in m, k, n := s.M, s.K, s.N, or
//   - there are two of them, and neither calls or makes anything.
func belong(lhs, rhs []ast.Expr) bool {
	return len(rhs) < 2 || depend(lhs, rhs) || alike(rhs) || len(rhs) == 2 && !slices.ContainsFunc(rhs, works)
}

// depend reports whether a right side reads what is on the left of another one.
func depend(lhs, rhs []ast.Expr) bool {
	for i, l := range lhs {
		name := types.ExprString(l)
		for j, r := range rhs {
			if i != j && contains(r, func(n ast.Node) bool {
				e, ok := n.(ast.Expr)
				return ok && types.ExprString(e) == name
			}) {
				return true
			}
		}
	}
	return false
}

// alike reports whether expressions are of one kind.
func alike(list []ast.Expr) bool {
	return !slices.ContainsFunc(list, func(e ast.Expr) bool { return kind(e) != kind(list[0]) })
}

// kind names the function that an expression calls, without the receiver, or the type that it makes. Any other
// expression is of the kind of its syntax, provided that it calls and makes nothing.
func kind(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.CallExpr:
		name := types.ExprString(e.Fun)
		return name[strings.LastIndexByte(name, '.')+1:]
	case *ast.CompositeLit:
		return types.ExprString(e.Type)
	}
	if works(e) {
		return types.ExprString(e)
	}
	return fmt.Sprintf("%T", e)
}

// works reports whether an expression calls a function or makes a value of its own.
func works(e ast.Expr) bool {
	return contains(e, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			return !isLight(n.Fun)
		case *ast.CompositeLit, *ast.FuncLit:
			return true
		case *ast.UnaryExpr:
			return n.Op == token.ARROW
		}
		return false
	})
}

// isLight reports whether calls of fun are like operators: conversions to predeclared types, len, cap, min and max.
func isLight(fun ast.Expr) bool {
	name, ok := fun.(*ast.Ident)
	if !ok {
		return false
	}
	if slices.Contains([]string{"len", "cap", "min", "max"}, name.Name) {
		return true
	}
	_, ok = types.Universe.Lookup(name.Name).(*types.TypeName)
	return ok
}

// contains reports whether a node or one inside it is one that is looked for.
func contains(n ast.Node, is func(ast.Node) bool) bool {
	found := false
	ast.Inspect(n, func(n ast.Node) bool {
		found = found || n != nil && is(n)
		return !found
	})
	return found
}

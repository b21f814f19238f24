package main

import (
	"go/ast"
	"slices"
)

// foreign are the methods whose signature an interface of another package dictates.
var foreign = []string{"As", "HandlePanic", "Pop", "Push", "Scan"}

func checkAny(f *file, report reporter) {
	if !f.isGo() || f.isTest() || f.ast.Name.Name == "main" {
		return
	}
	for _, decl := range f.ast.Decls {
		fn, ok := decl.(*ast.FuncDecl)
		if !ok || !isExported(fn) || fn.Recv != nil && slices.Contains(foreign, fn.Name.Name) {
			continue
		}
		for _, list := range []*ast.FieldList{fn.Type.Params, fn.Type.Results} {
			for _, field := range fields(list) {
				if hasAny(field.Type) {
					report.at(f.line(field.Pos()), "%s takes or returns any: name the type", fn.Name.Name)
				}
			}
		}
	}
}

// isExported reports whether a function or method can be called from another package.
func isExported(fn *ast.FuncDecl) bool {
	for _, field := range fields(fn.Recv) {
		receiver := base(field.Type)
		if index, ok := receiver.(*ast.IndexExpr); ok {
			receiver = index.X
		}
		if name, ok := receiver.(*ast.Ident); ok && !name.IsExported() {
			return false
		}
	}
	return fn.Name.IsExported()
}

func fields(list *ast.FieldList) []*ast.Field {
	if list == nil {
		return nil
	}
	return list.List
}

// hasAny reports whether any is part of a type. The arguments of a formatting helper, ...any, are no finding.
func hasAny(typ ast.Expr) bool {
	if _, ok := typ.(*ast.Ellipsis); ok {
		return false
	}
	return contains(typ, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Ident:
			return n.Name == "any"
		case *ast.InterfaceType:
			return n.Methods.NumFields() == 0
		}
		return false
	})
}

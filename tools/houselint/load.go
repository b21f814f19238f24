package main

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"regexp"
	"strings"
)

// file is one file of the repository.
type file struct {
	path    string // relative to the root, with slashes
	text    []byte
	lines   []string
	ignores ignores
	pkg     *pkg

	// Go files only.
	ast  *ast.File
	fset *token.FileSet
}

// pkg is what is known of all files of a folder.
type pkg struct {
	files []*file
	types map[string]ast.Expr // the declared types, by name
}

func (f *file) isGo() bool   { return f.ast != nil }
func (f *file) isTest() bool { return strings.HasSuffix(f.path, "_test.go") }
func (f *file) dir() string  { return path.Dir(f.path) }

// line returns the line of a position in a Go file.
func (f *file) line(pos token.Pos) int { return f.fset.Position(pos).Line }

// offset returns the offset of a position in the text of a Go file.
func (f *file) offset(pos token.Pos) int { return f.fset.Position(pos).Offset }

// lineAt returns the line of an offset.
func (f *file) lineAt(offset int) int { return 1 + bytes.Count(f.text[:offset], []byte("\n")) }

// generated matches the header of a generated file: Go's, and that of the Makefile.
var generated = regexp.MustCompile(`(?m)^(// Code generated .* DO NOT EDIT\.$|# Generated from )`)

// isText reports whether a file that is not Go is read for its words.
func isText(name string) bool {
	switch path.Ext(name) {
	case ".sql", ".md", ".sh", ".py", ".js", ".css", ".html", ".yaml":
		return name != "openapi/openapi.yaml" && name != "openapi/released.yaml" // generated from texts in Go
	}
	return path.Base(name) == "Makefile" || path.Base(name) == "Dockerfile"
}

// load reads the files of a tree, except generated and hidden ones and those in testdata.
func load(tree fs.FS) ([]*file, error) {
	fset := token.NewFileSet()
	pkgs := map[string]*pkg{}
	var files []*file
	err := fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || name == "." {
			return err
		}
		if base := entry.Name(); strings.HasPrefix(base, ".") || base == "testdata" {
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if !entry.Type().IsRegular() || path.Ext(name) != ".go" && !isText(name) {
			return nil
		}
		f, err := read(tree, name, fset)
		if f != nil {
			f.join(pkgs)
			files = append(files, f)
		}
		return err
	})
	return files, err
}

// read returns nil for a generated file.
func read(tree fs.FS, name string, fset *token.FileSet) (*file, error) {
	text, err := fs.ReadFile(tree, name)
	if err != nil || generated.Match(text) {
		return nil, err
	}
	f := &file{
		path:  name,
		text:  text,
		lines: strings.Split(string(text), "\n"),
	}
	f.ignores = findIgnores(f.lines)
	if path.Ext(name) == ".go" {
		f.fset = fset
		f.ast, err = parser.ParseFile(fset, name, text, parser.ParseComments|parser.SkipObjectResolution)
	}
	return f, err
}

// join adds the file to the package of its folder.
func (f *file) join(pkgs map[string]*pkg) {
	p := pkgs[f.dir()]
	if p == nil {
		p = &pkg{types: map[string]ast.Expr{}}
		pkgs[f.dir()] = p
	}
	f.pkg = p
	p.files = append(p.files, f)
	if !f.isGo() {
		return
	}
	ast.Inspect(f.ast, func(n ast.Node) bool {
		if spec, ok := n.(*ast.TypeSpec); ok {
			p.types[spec.Name.Name] = spec.Type
		}
		return true
	})
}

// Command houselint checks the rules of this repository that no public linter knows.
//
//	houselint [-strict] [-count | -fix] ROOT [FOLDER...]
//
// ROOT is that of the repository. With folders, named relative to it, the rest is read but not reported.
//
// It reads Go files except generated ones, and SQL, Markdown, scripts and pages for their words. It prints a line per
// finding, file:line: rule: message, and exits with status 1 if there are any. A comment at the end of the line of a
// finding, or on the line above, silences it. In Go:
//
//	"//house:ignore RULE REASON"
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
)

func main() {
	strict := flag.Bool("strict", false, "run also the rules that report correct code too often for make lint")
	count := flag.Bool("count", false, "print the number of findings per package and rule, and exit with status 0")
	fix := flag.Bool("fix", false, "rewrite composite literals to one field per line, then print what is left")
	flag.Usage = usage
	flag.Parse()
	if flag.NArg() == 0 || *count && *fix {
		usage()
		os.Exit(2)
	}
	err := run(os.Stdout, options{
		root:    flag.Arg(0),
		folders: flag.Args()[1:],
		strict:  *strict,
		count:   *count,
		fix:     *fix,
	})
	if errors.Is(err, errFindings) {
		os.Exit(1)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "houselint:", err)
		os.Exit(2)
	}
}

func usage() {
	fmt.Fprintln(os.Stderr, "usage: houselint [-strict] [-count | -fix] ROOT [FOLDER...]")
	flag.PrintDefaults()
	fmt.Fprintln(os.Stderr, "\nrules:")
	for _, r := range slices.Concat(rules, strictRules) {
		fmt.Fprintf(os.Stderr, "  %-10s %s\n", r.name, r.doc)
	}
}

// options are the arguments of the command.
type options struct {
	root    string
	folders []string // relative to root; empty for all
	strict  bool
	count   bool
	fix     bool
}

// wants reports whether a finding is in one of the folders.
func (o options) wants(f finding) bool {
	return len(o.folders) == 0 || slices.ContainsFunc(o.folders, func(folder string) bool {
		return under(f.path, path.Clean(filepath.ToSlash(folder)))
	})
}

// errFindings says that findings have been printed.
var errFindings = errors.New("houselint has findings")

func run(w io.Writer, o options) error {
	root, err := os.OpenRoot(o.root)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	files, err := load(root.FS())
	if err != nil {
		return err
	}
	selected := rules
	if o.strict {
		selected = slices.Concat(rules, strictRules)
	}
	findings := slices.DeleteFunc(lint(files, selected), func(f finding) bool { return !o.wants(f) })
	switch {
	case o.count:
		return printCounts(w, findings)
	case o.fix:
		if findings, err = applyFixes(root, files, findings); err != nil {
			return err
		}
	}
	for _, f := range findings {
		_, _ = fmt.Fprintln(w, f)
	}
	if len(findings) > 0 {
		return errFindings
	}
	return nil
}

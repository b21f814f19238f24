package cli

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"text/tabwriter"

	"github.com/millrace/millrace/cli/contexts"
	"github.com/millrace/millrace/cli/remote"
	"github.com/millrace/millrace/cli/usage"
)

// contextCommand keeps the servers that a user works with.
type contextCommand struct {
	Add    contextAdd    `cmd:"" group:"client" help:"Add a context, or replace it. The first one is in use."`
	Use    contextUse    `cmd:"" group:"client" help:"Use a context where neither --server nor --context is given."`
	List   contextList   `cmd:"" group:"client" help:"List the contexts."`
	Remove contextRemove `cmd:"" group:"client" help:"Remove a context. The file with its token stays."`
}

// contextAdd adds a context.
type contextAdd struct {
	Name      string `arg:"" help:"Name of the context."`
	Server    string `required:"" placeholder:"URL" help:"Address of the server."`
	TokenFile string `placeholder:"FILE" help:"File with the token for the server."`
	CAFile    string `name:"ca-file" placeholder:"FILE" help:"Certificates in PEM by which the server is known, instead of those of the system."`
}

// Run implements the command.
func (c *contextAdd) Run(out streams) error {
	if err := remote.CheckServer(c.Server); err != nil {
		return err
	}
	kept := contexts.Context{Server: c.Server}
	for _, file := range []struct {
		given string
		kept  *string
	}{{c.TokenFile, &kept.TokenFile}, {c.CAFile, &kept.CAFile}} {
		if file.given == "" {
			continue
		}
		path, err := filepath.Abs(file.given)
		if err != nil {
			return err
		}
		*file.kept = path
	}
	return change(func(f *contexts.File) error {
		f.Contexts[c.Name] = kept
		if f.Current == "" {
			f.Current = c.Name
		}
		fmt.Fprintf(out.err, "%q is in use\n", f.Current)
		return nil
	})
}

// contextUse changes the context in use.
type contextUse struct {
	Name string `arg:"" help:"Name of the context."`
}

// Run implements the command.
func (c *contextUse) Run() error {
	return change(func(f *contexts.File) error {
		_, err := f.Find(c.Name)
		f.Current = c.Name
		return err
	})
}

// contextRemove removes a context.
type contextRemove struct {
	Name string `arg:"" help:"Name of the context."`
}

// Run implements the command.
func (c *contextRemove) Run() error {
	return change(func(f *contexts.File) error {
		_, err := f.Find(c.Name)
		delete(f.Contexts, c.Name)
		if f.Current == c.Name {
			f.Current = ""
		}
		return err
	})
}

// change changes the contexts, unless f returns an error.
func change(f func(*contexts.File) error) error {
	file, err := contexts.Load()
	if err == nil {
		err = f(&file)
	}
	if err != nil {
		return usage.Errorf("%w", err)
	}
	return file.Save()
}

// contextList lists the contexts.
type contextList struct {
	JSON bool `help:"Print one JSON object on standard output instead of text."`
}

// Run implements the command.
func (c *contextList) Run(out streams) error {
	file, err := contexts.Load()
	if err != nil {
		return usage.Errorf("%w", err)
	}
	if c.JSON {
		return remote.PrintJSON(out.out, file)
	}
	table := tabwriter.NewWriter(out.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "IN USE\tNAME\tSERVER\tTOKEN\tAUTHORITY")
	for _, name := range slices.Sorted(maps.Keys(file.Contexts)) {
		one := file.Contexts[name]
		mark := ""
		if name == file.Current {
			mark = "*"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", mark, name, one.Server, one.TokenFile, one.CAFile)
	}
	return table.Flush()
}

// Package completion completes command lines in shells: a script for each, which asks the program for the words.
package completion

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/millrace/millrace/cli/remote"
)

// Command prints a script.
type Command struct {
	Shell string `arg:"" enum:"bash,zsh,fish,powershell" help:"${enum}"`
}

// Help implements kong.HelpProvider.
func (Command) Help() string {
	return `Where to put the script:

bash: source <(millrace completion bash)

zsh: source <(millrace completion zsh)

fish: millrace completion fish > ~/.config/fish/completions/millrace.fish

PowerShell: millrace completion powershell | Out-String | Invoke-Expression`
}

// Run implements the command.
func (c *Command) Run(out remote.Streams) error {
	_, err := io.WriteString(out.Out, scripts[c.Shell])
	return err
}

// Words prints the words that may end a command line; the scripts run it.
type Words struct {
	Line []string `arg:"" optional:"" passthrough:"" help:"The words behind millrace; the last one is the one to complete."`
}

// Run implements the command.
func (c *Words) Run(_ context.Context, k *kong.Kong, out remote.Streams) error {
	for _, word := range Complete(k.Model.Node, c.Line) {
		if _, err := fmt.Fprintln(out.Out, word); err != nil {
			return err
		}
	}
	return nil
}

// Complete returns the commands, flags or values that begin with the last word of a line, sorted.
func Complete(root *kong.Node, line []string) []string {
	if len(line) > 0 && line[0] == "--" {
		line = line[1:]
	}
	if len(line) == 0 {
		line = []string{""}
	}
	last := line[len(line)-1]
	before := slices.DeleteFunc(slices.Clone(line[:len(line)-1]), func(w string) bool { return w == "=" }) // from bash
	line = append(before, last)
	node := root
	for _, word := range line[:len(line)-1] {
		for _, child := range node.Children {
			if child.Name == word && !child.Hidden {
				node = child
				break
			}
		}
	}
	words := candidates(node, line, last)
	words = slices.DeleteFunc(words, func(word string) bool { return !strings.HasPrefix(word, last) })
	slices.Sort(words)
	return slices.Compact(words)
}

// candidates returns what may be the last word, whatever it begins with.
func candidates(node *kong.Node, line []string, last string) (words []string) {
	if name, _, found := strings.Cut(last, "="); found && strings.HasPrefix(last, "--") {
		for _, value := range values(node, name) {
			words = append(words, name+"="+value)
		}
		return words
	}
	if len(line) > 1 {
		if all := values(node, line[len(line)-2]); len(all) > 0 {
			return all
		}
	}
	for _, child := range node.Children {
		if !child.Hidden {
			words = append(words, child.Name)
		}
	}
	for _, argument := range node.Positional {
		words = append(words, enum(argument)...)
	}
	if strings.HasPrefix(last, "-") {
		for _, group := range node.AllFlags(true) {
			for _, flag := range group {
				words = append(words, "--"+flag.Name)
			}
		}
	}
	return words
}

// values returns the values of a flag that has only some.
func values(node *kong.Node, name string) []string {
	for _, group := range node.AllFlags(true) {
		for _, flag := range group {
			if "--"+flag.Name == name {
				return enum(flag.Value)
			}
		}
	}
	return nil
}

func enum(v *kong.Value) []string {
	if v.Enum == "" {
		return nil
	}
	return strings.Split(v.Enum, ",")
}

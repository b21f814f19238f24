package cli

import (
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// clientVariables are the flags of client commands that the environment sets, too: where the server is, and the form of
// the output. Any other one would change what a command does although its line does not say so: MILLRACE_FORCE would
// overwrite files, MILLRACE_STATE hide multiplications.
var clientVariables = []string{"server", "context", "token-file", "ca-file", "plain-token", "json", "quiet"}

// demoFlags are those of the demonstration that no variable sets: MILLRACE_SIZE is not for it alone.
var demoFlags = []string{"size", "dtype"}

// noVariable marks a flag that no variable sets.
const noVariable = "-"

// environment lets variables set the flags of the service, and the harmless ones of client commands.
func environment(k *kong.Kong) error {
	for _, command := range k.Model.Children {
		client := command.Group != nil && command.Group.Key == "client"
		_ = kong.Visit(command, func(node kong.Visitable, next kong.Next) error {
			if flag, ok := node.(*kong.Flag); ok &&
				(client && !slices.Contains(clientVariables, flag.Name) ||
					command.Name == "demo" && slices.Contains(demoFlags, flag.Name)) && len(flag.Envs) == 0 {
				flag.Envs = []string{noVariable}
			}
			return next(nil)
		})
	}
	return nil
}

// complete turns what people try into what the parser knows: no argument at all, and help, alone or before a command.
func complete(args []string) []string {
	switch {
	case len(args) == 0:
		return []string{"--help"}
	case args[0] == "help":
		words := slices.DeleteFunc(slices.Clone(args[1:]), func(word string) bool { return strings.HasPrefix(word, "-") })
		return append(words, "--help")
	}
	return args
}

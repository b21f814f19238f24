package usage

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

var (
	missingFlags = regexp.MustCompile(`^missing flags: (.*)$`)
	flagName     = regexp.MustCompile(`--([a-z-]+)`)
)

// Explain returns the text of an error of the parser, and says what would be right where the parser does not.
func Explain(err error) string {
	text := err.Error()
	parse, ok := errors.AsType[*kong.ParseError](err)
	if !ok {
		return text
	}
	if word, ok := strings.CutPrefix(text, "unexpected argument "); ok && parse.Context.Selected() == nil {
		return "there is no command " + word
	}
	if strings.HasPrefix(text, "unknown flag ") && parse.Context.Selected() == nil {
		return text + "; the flags of a command come after it"
	}
	if missing := missingFlags.FindStringSubmatch(text); missing != nil {
		return text + variables(parse.Context.Flags(), missing[1])
	}
	return text
}

// variables says which variables can be set instead of missing flags.
func variables(flags []*kong.Flag, missing string) string {
	var names []string
	for _, match := range flagName.FindAllStringSubmatch(missing, -1) {
		i := slices.IndexFunc(flags, func(f *kong.Flag) bool { return f.Name == match[1] })
		if i >= 0 && len(flags[i].Envs) > 0 {
			names = append(names, strings.Join(flags[i].Envs, " or "))
		}
	}
	if len(names) == 0 {
		return ""
	}
	return fmt.Sprintf(", or in the environment %s", strings.Join(names, ", "))
}

package cli

import (
	"fmt"

	"github.com/millrace/millrace/server"
)

// versionCommand prints the version.
type versionCommand struct{}

// Run implements the command.
func (versionCommand) Run(out streams) error {
	_, err := fmt.Fprintln(out.out, "millrace", server.Version())
	return err
}

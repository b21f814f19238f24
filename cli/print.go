package cli

import (
	"fmt"

	"github.com/millrace/millrace/handlers"
	"github.com/millrace/millrace/server"
)

// openapiCommand prints the description of the API.
type openapiCommand struct{}

// Run implements the command.
func (openapiCommand) Run(out streams) error {
	spec, err := handlers.OpenAPI()
	if err != nil {
		return fmt.Errorf("describing the API: %w", err)
	}
	_, err = out.out.Write(spec)
	return err
}

// versionCommand prints the version.
type versionCommand struct{}

// Run implements the command.
func (versionCommand) Run(out streams) error {
	_, err := fmt.Fprintln(out.out, "millrace", server.Version())
	return err
}

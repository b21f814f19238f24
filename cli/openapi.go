package cli

import (
	"fmt"

	"github.com/millrace/millrace/handlers"
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

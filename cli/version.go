package cli

import (
	"fmt"
	"runtime/debug"

	"github.com/millrace/millrace/handlers"
)

// stamped is the version as the linker was told it, for builds without the repository, such as that of the image.
var stamped string

// version returns the version that this binary was built as: a tag, or the commit.
func version() string {
	if stamped != "" {
		return stamped
	}
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}

// versionCommand prints the version.
type versionCommand struct{}

// Run implements the command.
func (versionCommand) Run(out streams) error {
	_, err := fmt.Fprintln(out.out, "millrace", version())
	return err
}

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

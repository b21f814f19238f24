// Command openapi-lint checks an OpenAPI description, read from its standard input, with the linter of
// github.com/speakeasy-api/openapi, whose own command is not published as a Go module.
//
//	openapi-lint CONFIG <DOCUMENT
//
// Every finding is an error, whatever its severity: a rule that does not fit is disabled in the configuration, with its
// reason.
package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/speakeasy-api/openapi/linter"
	"github.com/speakeasy-api/openapi/openapi"
	rules "github.com/speakeasy-api/openapi/openapi/linter"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: openapi-lint CONFIG <DOCUMENT")
		os.Exit(2)
	}
	if err := lint(context.Background(), os.Args[1], os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "openapi-lint:", err)
		os.Exit(1)
	}
}

// lint prints the findings in a description to standard output and returns an error if there are any.
func lint(ctx context.Context, configPath string, description io.Reader) error {
	config, err := linter.LoadConfigFromFile(configPath)
	if err != nil {
		return err
	}
	l, err := rules.NewLinter(config)
	if err != nil {
		return fmt.Errorf("%s: %w", configPath, err)
	}
	document, invalid, err := openapi.Unmarshal(ctx, description)
	if err != nil {
		return fmt.Errorf("parsing the description: %w", err)
	}
	output, err := l.Lint(ctx, linter.NewDocumentInfo(document, "openapi.yaml"), invalid, nil)
	if err != nil {
		return fmt.Errorf("checking the description: %w", err)
	}
	if n := len(output.Results); n > 0 {
		fmt.Print(output.FormatText())
		return fmt.Errorf("the description has %d findings", n)
	}
	return nil
}

// Command openapi-lint checks an OpenAPI description with the linter of github.com/speakeasy-api/openapi, whose own
// command is not to be had as a Go module.
//
//	openapi-lint CONFIG DOCUMENT
//
// Whatever a rule finds is an error, of whatever severity: a rule that does not fit is disabled in the configuration,
// with its reason.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/speakeasy-api/openapi/linter"
	"github.com/speakeasy-api/openapi/openapi"
	rules "github.com/speakeasy-api/openapi/openapi/linter"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: openapi-lint CONFIG DOCUMENT")
		os.Exit(2)
	}
	if err := lint(context.Background(), os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "openapi-lint:", err)
		os.Exit(1)
	}
}

func lint(ctx context.Context, configPath, path string) error {
	config, err := linter.LoadConfigFromFile(configPath)
	if err != nil {
		return err
	}
	l, err := rules.NewLinter(config)
	if err != nil {
		return err
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	document, invalid, err := openapi.Unmarshal(ctx, file)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	output, err := l.Lint(ctx, linter.NewDocumentInfo(document, path), invalid, nil)
	if err != nil {
		return err
	}
	if n := len(output.Results); n > 0 {
		fmt.Print(output.FormatText())
		return fmt.Errorf("%s: %d findings", path, n)
	}
	return nil
}

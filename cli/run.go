// Package cli is the command line: one file per command, the configuration, and the wiring of the parts.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/alecthomas/kong"
)

// The exit codes of every command.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// commands is the whole command line.
type commands struct {
	Log LogConfig `embed:"" prefix:"log-"`

	Demo    demoCommand    `cmd:"" help:"Multiply two matrices from beginning to end on this machine, show the figures, leave nothing behind."`
	Dev     devCommand     `cmd:"" help:"Run everything on this machine in one process, with its own Postgres."`
	API     apiCommand     `cmd:"" name:"api" help:"Serve the HTTP API and run the queue's maintenance."`
	Worker  workerCommand  `cmd:"" help:"Work on queued tiles."`
	Migrate migrateCommand `cmd:"" help:"Bring the database to the schema of this version. Safe to run twice, and by several at once."`
	Health  healthCommand  `cmd:"" help:"Ask a running process whether it is ready; for the health checks of containers."`
	OpenAPI openapiCommand `cmd:"" name:"openapi" help:"Print the description of the API."`
	Version versionCommand `cmd:"" help:"Print the version."`
}

// streams is where commands write to.
type streams struct {
	out, err io.Writer
}

// Run executes the command in args until it ends or ctx is done, and returns the exit code.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var c commands
	exited := -1
	parser, err := kong.New(&c,
		kong.Name("millrace"),
		kong.Description("Distributed matrix multiplication. Every flag can also be set in the environment."),
		kong.Writers(stdout, stderr),
		kong.Exit(func(code int) { exited = code }),
		kong.DefaultEnvars("MILLRACE"),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(streams{stdout, stderr}),
	)
	if err != nil {
		fmt.Fprintln(stderr, "millrace:", err)
		return exitFailed
	}
	parsed, err := parser.Parse(args)
	if exited >= 0 { // --help
		return exited
	}
	if err != nil {
		fmt.Fprintf(stderr, "millrace: %v\nRun \"millrace --help\" for the commands, \"millrace COMMAND --help\" for the flags.\n", err)
		return exitUsage
	}
	log := c.Log.logger(stderr)
	setMemoryLimit(log)
	err = parsed.Run(log)
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		return exitFailed // told to stop before it was done
	}
	fmt.Fprintf(stderr, "millrace: %v\n", err)
	return exitFailed
}

// LogConfig says what is logged and how.
type LogConfig struct {
	Level  slog.Level `default:"info" help:"debug, info, warn or error."`
	Format string     `default:"text" enum:"text,json" help:"text or json."`
}

func (c LogConfig) logger(w io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: c.Level}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

// setMemoryLimit makes the garbage collector keep to the container's memory, unless GOMEMLIMIT says otherwise.
func setMemoryLimit(log *slog.Logger) {
	limit, err := memlimit.Set()
	if err != nil {
		log.Debug("the memory limit of the container is not known", "error", err)
		return
	}
	log.Debug("memory limit", "bytes", limit)
}

// Package cli is the command line: one file per command.
package cli

import (
	"context"
	"fmt"
	"io"
	"log/slog"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/alecthomas/kong"

	"github.com/millrace/millrace/cli/burst"
	"github.com/millrace/millrace/cli/completion"
	"github.com/millrace/millrace/cli/keys"
	"github.com/millrace/millrace/cli/listing"
	"github.com/millrace/millrace/cli/manage"
	"github.com/millrace/millrace/cli/remote"
	"github.com/millrace/millrace/cli/usage"
	"github.com/millrace/millrace/internal/logs"
	"github.com/millrace/millrace/internal/secret"
	"github.com/millrace/millrace/server"
)

// commands is the grammar of the command line.
type commands struct {
	Log     LogConfig        `embed:"" prefix:"log-"`
	Current kong.VersionFlag `name:"version" help:"Print the version."`

	Multiply multiplyCommand  `cmd:"" group:"client" help:"Multiply two matrices: upload them, wait, download the result."`
	List     listing.Command  `cmd:"" group:"client" help:"List multiplications, the newest first."`
	Show     showCommand      `cmd:"" group:"client" help:"Show a multiplication: state, progress, errors."`
	Wait     manage.Wait      `cmd:"" group:"client" help:"Wait until multiplications have finished."`
	Cancel   cancelCommand    `cmd:"" group:"client" help:"Cancel a multiplication that has not finished."`
	Retry    retryCommand     `cmd:"" group:"client" help:"Retry a multiplication that has failed or was cancelled."`
	Result   resultCommand    `cmd:"" group:"client" help:"Download the result of a multiplication, or the rest of it."`
	Delete   manage.Delete    `cmd:"" group:"client" help:"Delete multiplications and their results."`
	Upload   manage.Upload    `cmd:"" group:"client" help:"Store matrices, and print their ids."`
	Matrices listing.Matrices `cmd:"" group:"client" help:"List matrices on the server, the newest first."`
	Status   manage.Status    `cmd:"" group:"client" help:"Show the state of the server: workers, queues, version."`
	Context  contextCommand   `cmd:"" group:"client" help:"Keep the addresses of servers, and where their tokens are."`
	Load     burst.Command    `cmd:"" group:"client" help:"Submit many multiplications and measure how long they take."`

	Completion completion.Command `cmd:"" group:"client" help:"Print a script that completes commands and flags in a shell."`
	Words      completion.Words   `cmd:"" group:"client" name:"complete-words" hidden:""`

	Demo    demoCommand         `cmd:"" group:"service" help:"Multiply two matrices from beginning to end on this machine, print the figures, clean up."`
	Dev     devCommand          `cmd:"" group:"service" help:"Run everything on this machine in one process, with its own Postgres."`
	API     apiCommand          `cmd:"" group:"service" name:"api" help:"Serve the HTTP API and run the queue's maintenance."`
	Worker  workerCommand       `cmd:"" group:"service" help:"Work on queued tiles."`
	Migrate migrateCommand      `cmd:"" group:"service" help:"Bring the database to the schema of this version. Safe to run twice, and in several processes at once."`
	Keys    keys.Commands       `cmd:"" group:"service" help:"Make, list and revoke the keys of the API, in the database."`
	Adopt   adoptCommand        `cmd:"" group:"service" help:"Make a database and a block store belong together, after one of them was restored or moved."`
	Tenants keys.TenantCommands `cmd:"" group:"service" help:"List tenants, and set their weights and quotas."`
	Health  healthCommand       `cmd:"" group:"service" help:"Ask a running process whether it is ready; for the health checks of containers."`
	OpenAPI openapiCommand      `cmd:"" group:"service" name:"openapi" help:"Print the OpenAPI description of the API."`
	Version versionCommand      `cmd:"" group:"service" help:"Print the version."`
}

// streams are the standard output and the standard error of a command.
type streams struct {
	out, err io.Writer
}

// Run runs the command in args until it ends or ctx is done, and returns the exit code.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var c commands
	exited := -1
	parser, err := kong.New(&c,
		kong.Name("millrace"),
		kong.Description("Distributed matrix multiplication: the service, and a client for the terminal. "+
			"Flags of the service can also be set in the environment: --soft-stop is MILLRACE_SOFT_STOP."),
		kong.Writers(stdout, stderr),
		kong.Exit(func(code int) { exited = code }),
		kong.PostBuild(environment),
		kong.DefaultEnvars("MILLRACE"), // after environment
		kong.Vars{"version": "millrace " + server.Version()},
		kong.ExplicitGroups([]kong.Group{
			{Key: "client", Title: "Client (of the server at --server, MILLRACE_SERVER, or of a context):"},
			{Key: "service", Title: "Service:"},
		}),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(streams{stdout, stderr}, keys.Output{Out: stdout, Err: stderr}, remote.Streams{Out: stdout, Err: stderr}),
	)
	if err != nil {
		fmt.Fprintln(stderr, "millrace:", err)
		return exitFailed
	}
	parsed, err := parser.Parse(complete(args))
	if exited >= 0 { // kong has printed the help
		return exited
	}
	if err != nil {
		fmt.Fprintf(stderr, "millrace: %s\n"+
			"Run \"millrace --help\" for the commands, \"millrace COMMAND --help\" for the flags.\n",
			secret.Redact(usage.Explain(err)))
		return exitUsage
	}
	log := c.Log.logger(stderr)
	setMemoryLimit(log)
	err = parsed.Run(log, c.Log)
	code, message := exitCode(ctx, err)
	if code == exitInterrupted && parsed.Selected().Group.Key != "client" { // SIGTERM before the process was ready
		return exitFailed
	}
	if message != "" {
		fmt.Fprintln(stderr, "millrace:", secret.Redact(message))
	}
	return code
}

// LogConfig says what is logged and how.
type LogConfig struct {
	Level  slog.Level `default:"info" help:"debug, info, warn or error."`
	Format string     `default:"text" enum:"text,json" help:"text or json."`
}

func (c LogConfig) logger(w io.Writer) *slog.Logger {
	w = secret.Writer(w) // each line is one call of Write
	options := &slog.HandlerOptions{Level: c.Level, ReplaceAttr: logs.Bound}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

// setMemoryLimit sets the limit of Go's garbage collector to the memory of the container, unless GOMEMLIMIT is set.
func setMemoryLimit(log *slog.Logger) {
	limit, err := memlimit.Set()
	if err != nil {
		log.Debug("the memory limit of the container is unknown", "error", err)
		return
	}
	log.Debug("memory limit", "bytes", limit)
}

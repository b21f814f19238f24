// Package remote is what the client commands have in common: the connection to a server, operands, uploads, progress,
// downloads, and the text that describes a multiplication.
package remote

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"time"

	"github.com/millrace/millrace/cli/usage"
	"github.com/millrace/millrace/client"
)

// ServerFlags are the flags of every client command.
type ServerFlags struct {
	Server string `default:"http://127.0.0.1:8080" placeholder:"URL" help:"Address of the server."`
	JSON   bool   `help:"Print one JSON object on standard output instead of text."`
}

// Connect returns a client of the server, which reports to log when it retries.
func (f ServerFlags) Connect(log io.Writer, options ...client.ClientOption) (*client.Client, error) {
	if u, err := url.Parse(f.Server); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, usage.Errorf("--server must be an address like http://127.0.0.1:8080, it is %q", f.Server)
	}
	api, err := client.New(f.Server, options...)
	if err != nil {
		return nil, usage.Errorf("--server: %w", err)
	}
	api.Retrying = func(err error, pause time.Duration) {
		fmt.Fprintf(log, "%v; trying again in %.1f s\n", err, pause.Seconds())
	}
	return api, nil
}

// MultiplicationFlags are the flags of the client commands for one multiplication.
type MultiplicationFlags struct {
	ServerFlags
	ID string `arg:"" name:"id" help:"Id of the multiplication, as multiply and list show it."`
}

// PrintJSON writes value as one indented JSON object.
func PrintJSON[T any](w io.Writer, value T) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}

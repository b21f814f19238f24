// Package remote is what the client commands have in common: the connection to a server, operands, uploads, progress,
// downloads, and the text that describes a multiplication.
package remote

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/millrace/millrace/cli/contexts"
	"github.com/millrace/millrace/cli/usage"
	"github.com/millrace/millrace/client"
	"github.com/millrace/millrace/internal/secret"
)

// defaultServer is where `millrace dev` serves.
const defaultServer = "http://127.0.0.1:8080"

// ServerFlags are the flags of every client command.
type ServerFlags struct {
	Server     string `placeholder:"URL" help:"Address of the server; by default that of the context in use, or http://127.0.0.1:8080."`
	Context    string `placeholder:"NAME" help:"Context to use, see \"millrace context --help\"."`
	TokenFile  string `placeholder:"FILE" help:"File with the token for the server: that of a key, or a JWT. Without it MILLRACE_TOKEN is the token, or that of the context."`
	CAFile     string `name:"ca-file" placeholder:"FILE" help:"Certificates in PEM by which the server is known, instead of those of the system."`
	PlainToken bool   `help:"Also send the token by http:// to another machine than this one, where everything on the way can read it."`
	JSON       bool   `help:"Print one JSON object on standard output instead of text."`
}

// Connect returns a client of the server, which reports to log when it retries. The transport of the client can be
// changed before.
func (f *ServerFlags) Connect(log io.Writer, changes ...func(*http.Transport)) (*client.Client, error) {
	if err := f.resolve(); err != nil {
		return nil, err
	}
	transport := client.NewTransport()
	if err := f.trust(transport); err != nil {
		return nil, usage.Errorf("--ca-file: %w", err)
	}
	for _, change := range changes {
		change(transport)
	}
	token, err := f.token()
	if err != nil {
		return nil, err
	}
	withToken := client.WithToken
	if f.PlainToken {
		withToken = client.WithPlainToken
	}
	api, err := client.New(f.Server, client.WithTransport(transport), withToken(token))
	if err != nil {
		return nil, usage.Errorf("--server: %w", err)
	}
	api.Retrying = func(err error, pause time.Duration) {
		fmt.Fprintf(log, "%s; trying again in %.1f s\n", secret.Redact(err.Error()), pause.Seconds())
	}
	return api, nil
}

// resolve finds the server, and what belongs to it. The token and the authority of a context are for its server only:
// they do not count where --server is given.
func (f *ServerFlags) resolve() error {
	switch {
	case f.Server != "" && f.Context != "":
		return usage.Errorf("--context (MILLRACE_CONTEXT) names a server, and so does --server (MILLRACE_SERVER): give one")
	case f.Server == "":
		file, err := contexts.Load()
		if err != nil {
			return usage.Errorf("%w", err)
		}
		c, err := file.Find(f.Context)
		if err != nil {
			return usage.Errorf("%w", err)
		}
		f.Server = c.Server
		if f.TokenFile == "" && os.Getenv(tokenVariable) == "" {
			f.TokenFile = c.TokenFile
		}
		if f.CAFile == "" {
			f.CAFile = c.CAFile
		}
	}
	if f.Server == "" {
		f.Server = defaultServer
	}
	return CheckServer(f.Server)
}

// CheckServer returns an error unless the address of a server can be one.
func CheckServer(server string) error {
	u, err := url.Parse(server)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return usage.Errorf("--server must be an address like http://127.0.0.1:8080, it is %q", server)
	}
	return nil
}

// trust makes a transport know the server by the certificates of --ca-file.
func (f *ServerFlags) trust(transport *http.Transport) error {
	if f.CAFile == "" {
		return nil
	}
	text, err := os.ReadFile(f.CAFile)
	if err != nil {
		return err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return errors.New(f.CAFile + " has no certificate in PEM")
	}
	transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	return nil
}

// Streams are the standard output and the standard error of a command.
type Streams struct {
	Out, Err io.Writer
}

// MultiplicationFlags are the flags of the client commands for one multiplication.
type MultiplicationFlags struct {
	ServerFlags
	ID string `arg:"" name:"id" help:"Id of the multiplication, or a beginning of it that no other has."`
}

// Find connects to the server, and completes the id if only its beginning is given.
func (f *MultiplicationFlags) Find(ctx context.Context, log io.Writer) (*client.Client, error) {
	api, err := f.Connect(log)
	if err != nil {
		return nil, err
	}
	f.ID, err = FindID(ctx, api, f.ID)
	return api, err
}

// PrintJSON writes value as one indented JSON object.
func PrintJSON[T any](w io.Writer, value T) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}

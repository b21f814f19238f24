package cli

import (
	"context"
	"fmt"
	"net"
	"net/http"

	"github.com/millrace/millrace/server"
)

// healthCommand asks a running process whether it is ready, for container engines: the image has no curl.
type healthCommand struct {
	OpsAddr string `default:":9090" help:"Address of the process's /readyz."`
}

// Run implements the command.
func (c *healthCommand) Run(ctx context.Context) error {
	host, port, err := net.SplitHostPort(c.OpsAddr)
	if err != nil {
		return fmt.Errorf("--ops-addr: %w", err)
	}
	if host == "" {
		host = "127.0.0.1"
	}
	ctx, cancel := context.WithTimeout(ctx, 2*server.ReadyTimeout)
	defer cancel()
	url := "http://" + net.JoinHostPort(host, port) + "/readyz"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("--ops-addr: %w", err)
	}
	response, err := http.DefaultClient.Do(request) //house:ignore bound its context has a deadline
	if err != nil {
		return fmt.Errorf("not ready: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("not ready: %s", response.Status)
	}
	return nil
}

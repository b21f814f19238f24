// Package server composes the processes of a deployment out of their parts: configuration, start and stop order, HTTP
// listeners, draining, and the endpoints for operators.
package server

import (
	"context"
	"log/slog"
)

// Run runs a process on a migrated database until ctx is done, or until one of its listeners ends by itself, which is
// an error.
func Run(ctx context.Context, c Config, log *slog.Logger) error {
	p, err := Start(ctx, c, log)
	if err != nil {
		return err
	}
	if c.Role.serves() {
		log.Info("serving", "api", p.APIURL(), "ops", p.OpsURL())
	} else {
		log.Info("ready", "ops", p.OpsURL())
	}
	return p.Run(ctx)
}

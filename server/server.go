// Package server composes the processes of a deployment out of their parts: configuration, start and stop order, HTTP
// listeners, draining, and the endpoints for operators.
package server

import (
	"context"
	"log/slog"
	"os"
	"runtime/debug"
)

// Run runs a process on a migrated database until ctx is done, or until one of its listeners ends by itself, which is
// an error.
func Run(ctx context.Context, c Config, log *slog.Logger) error {
	if c.Role.serves() {
		collectLess()
	}
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

// gcPercent is how much the heap of a process that serves may grow between two collections. Small requests leave little
// in memory and much garbage: at Go's default of 100 a fifth of the time goes into collecting it. The memory of
// transfers is bounded, and GOMEMLIMIT bounds all of it.
const gcPercent = 200

// collectLess sets gcPercent, unless GOGC says otherwise.
func collectLess() {
	if _, set := os.LookupEnv("GOGC"); !set {
		debug.SetGCPercent(gcPercent)
	}
}

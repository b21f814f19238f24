// Command millrace distributes matrix multiplications over workers: an HTTP API, a queue in Postgres, and the workers,
// in one binary.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/google/uuid"

	"github.com/millrace/millrace/cli"
)

// profiledBytes is how much memory is allocated for each allocation in a profile of the heap. At Go's default, 512 KiB,
// noting them takes 1 % of the time of an API to which many small requests come.
const profiledBytes = 8 << 20

func main() {
	runtime.MemProfileRate = profiledBytes
	uuid.EnableRandPool() // ids must be unlike others, not secret
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	code := cli.Run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

package main

import (
	"context"
	"os/signal"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background())
	defer stop()
	run(ctx)
}

func run(context.Context) { _ = context.Background() }

// Package kernels tells what the processes compute with, so that each API can show it.
package kernels

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/millrace/millrace/jobs/queue/internal/db"
)

// setting is the name under which a process says what it computes with.
const setting = "kernel"

// maxKinds bounds how many kinds are listed. Processes of one image on the same CPUs have the same.
const maxKinds = 20

// Own is what a process multiplies matrices with.
type Own struct {
	Name    string  `json:"name"`
	Version string  `json:"version"` // empty if it is not known
	Core    string  `json:"core"`    // the instruction set, or the CPU that it computes for; empty if it is not known
	GFLOPS  float64 `json:"gflops"`  // GFLOP/s on one core in float64, measured when the process started
}

// Kind are the kernels that are the same but for their rates.
type Kind struct {
	Own
	Fastest float64 // GFLOP/s; that of Own is the slowest
	Workers int64   // processes that compute with them
}

// Tell tells what a process computes with, which has a lease.
func Tell(ctx context.Context, q *db.Queries, process string, k Own) error {
	text, err := json.Marshal(k)
	if err == nil {
		err = q.SaveSetting(ctx, process, setting, string(text))
	}
	if err != nil {
		return fmt.Errorf("telling the kernel: %w", err)
	}
	return nil
}

// List returns what the processes compute with that live, those of most processes first. Processes of the version
// before do not tell it. The lease is theirs.
func List(ctx context.Context, q *db.Queries, lease time.Duration) ([]Kind, error) {
	rows, err := q.ListKernels(ctx, setting, lease, maxKinds)
	if err != nil {
		return nil, fmt.Errorf("listing the kernels: %w", err)
	}
	all := make([]Kind, len(rows))
	for i, r := range rows {
		all[i] = Kind{
			Own: Own{
				Name:    r.Name,
				Version: r.Version,
				Core:    r.Core,
				GFLOPS:  r.Slowest,
			},
			Fastest: r.Fastest,
			Workers: r.Workers,
		}
	}
	return all, nil
}

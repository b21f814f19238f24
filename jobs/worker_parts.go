package jobs

import (
	"context"
	"errors"
	"fmt"

	"github.com/riverqueue/river"

	"github.com/millrace/millrace/jobs/parts"
	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/store"
)

// sum adds up the parts of a tile, and waits without losing an attempt until all are there. Their jobs tell: a block
// store may say for a while that something is missing which was looked for too early.
func (w *tileWorker) sum(
	ctx context.Context, job *river.Job[TileArgs], m store.MultiplicationWithMatrices, piece matrix.Piece,
) error {
	first := job.Args.Tile - piece.Part
	missing, err := w.client.queue.Uncounted(ctx, job.Args.MultiplicationID, first, job.Args.Tile-1)
	if err != nil {
		return fmt.Errorf("looking for the parts of tile %d: %w", job.Args.Tile, err)
	}
	if missing {
		return river.JobSnooze(parts.Pause(queue.Snoozes(job.JobRow)))
	}
	sum, err := parts.Sum(ctx, w.client.store, m, piece)
	if err != nil {
		return fmt.Errorf("adding up tile %d: %w", job.Args.Tile, err)
	}
	write := func(ctx context.Context, c []byte) error { return parts.Write(ctx, w.client.store, m, piece, c) }
	return w.finish(ctx, job, m, piece, sum, write)
}

// cleanParts deletes parts that are of no more use after a piece was completed, or late. What it cannot delete goes
// with the result.
func (w *tileWorker) cleanParts(
	ctx context.Context, m store.MultiplicationWithMatrices, piece matrix.Piece, completion error,
) {
	if m.Multiplication.TileDepth == 0 || completion != nil && !errors.Is(completion, errSuperseded) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, deleteTimeout)
	defer cancel()
	if err := parts.Clean(ctx, w.client.store, m, piece, completion == nil); err != nil {
		w.client.log.WarnContext(ctx, "deleting parts of tiles", "multiplication", m.Multiplication.ID, "error", err)
	}
}

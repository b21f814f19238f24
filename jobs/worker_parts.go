package jobs

import (
	"context"
	"fmt"

	"github.com/riverqueue/river"

	"github.com/millrace/millrace/jobs/parts"
	"github.com/millrace/millrace/jobs/persist"
	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/npy"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/objects"
	"github.com/millrace/millrace/store/outputs"
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

// output writes the result of a multiplication to its output, when all tiles are counted: the last job of those that
// have one. If people have deleted jobs, some may have to be computed again, which it waits for.
func (w *tileWorker) output(
	ctx context.Context, job *river.Job[TileArgs], m store.MultiplicationWithMatrices,
) error {
	if m.Multiplication.TilesCompleted < m.Multiplication.TilesTotal-1 {
		return river.JobSnooze(parts.Pause(queue.Snoozes(job.JobRow)))
	}
	written, err := outputs.Write(ctx, w.client.store, m)
	if err != nil {
		return fmt.Errorf("writing the result to its output: %w", err)
	}
	result := storedResult{output: &written}
	if !m.C.InBlocks() { // it has no elements
		result.digest = npy.Digest(m.C.Shape(), nil)
	}
	ctx, cancel := persist.Outlast(ctx, persist.Timeout)
	defer cancel()
	return w.complete(ctx, job, m, parts.Last(), result)
}

// storedResult is a result that lives in its row; empty for one in blocks.
type storedResult struct {
	content []byte
	digest  []byte
	output  *objects.Output // that was written, by the last job
}

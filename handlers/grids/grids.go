// Package grids reads the states of the tiles of multiplications by their places in the results, once for many
// requests.
package grids

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/millrace/millrace/handlers/resource"
	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/matrix"
)

const (
	// age is how old a grid may be.
	age = time.Second
	// rest is the least time between two reads of one, in multiples of the duration of the last: a read looks at each job
	// of the multiplication, of which there may be tens of thousands.
	rest = 20
	// timeout bounds a read.
	timeout = 10 * time.Second
	// most is how many grids are kept.
	most = 256
)

// Reader reads grids.
type Reader struct {
	jobs   *jobs.Client
	flight singleflight.Group

	mu   sync.Mutex
	seen map[identity.Owned]seen
}

// seen is a grid that was read.
type seen struct {
	grid  resource.TileGrid
	until time.Time // when it is too old
}

// New returns a Reader.
func New(c *jobs.Client) *Reader { return &Reader{jobs: c, seen: map[identity.Owned]seen{}} }

// Get returns a recent grid of a multiplication. The read goes on if the request that began it is cancelled, since
// others may share it. Errors: store.ErrNotFound.
func (r *Reader) Get(ctx context.Context, o identity.Owned) (resource.TileGrid, error) {
	if grid, ok := r.recent(o); ok {
		return grid, nil
	}
	done := r.flight.DoChan(fmt.Sprint(o.Tenant, o.ID), func() (any, error) {
		if grid, ok := r.recent(o); ok { // another read has just ended
			return grid, nil
		}
		return r.read(context.WithoutCancel(ctx), o) //house:ignore bound read has timeout
	})
	select {
	case result := <-done:
		grid, _ := result.Val.(resource.TileGrid)
		return grid, result.Err
	case <-ctx.Done():
		return resource.TileGrid{}, ctx.Err()
	}
}

func (r *Reader) recent(o identity.Owned) (resource.TileGrid, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	last, ok := r.seen[o]
	return last.grid, ok && time.Now().Before(last.until)
}

func (r *Reader) read(ctx context.Context, o identity.Owned) (resource.TileGrid, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	start := time.Now()
	m, err := r.jobs.Get(ctx, o.Tenant, o.ID)
	if err != nil {
		return resource.TileGrid{}, err
	}
	raster := rasterOf(m.Plan)
	var cells []queue.Cell
	if m.State != jobs.Completed && raster.Rows > 0 {
		if cells, err = r.jobs.Queue().Cells(ctx, m.ID, raster); err != nil {
			return resource.TileGrid{}, err
		}
	}
	grid := resource.TileGrid{
		State:      string(m.State),
		Rows:       raster.Down,
		Cols:       raster.Across,
		Cells:      draw(raster, cells, m.State == jobs.Completed),
		ObservedAt: start.UTC().Truncate(time.Microsecond),
	}
	r.keep(o, seen{grid: grid, until: time.Now().Add(max(age, rest*time.Since(start)))})
	return grid, nil
}

// keep keeps a grid, and forgets others if they are too many.
func (r *Reader) keep(o identity.Owned, s seen) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.seen) >= most {
		clear(r.seen)
	}
	r.seen[o] = s
}

// rasterOf returns the cells of a plan: one for each tile, or as many as a response may have.
func rasterOf(p matrix.Plan) queue.Raster {
	tiles := p.Tiles()
	if tiles == 0 {
		return queue.Raster{}
	}
	down := tiles / p.Across()
	across := p.Across()
	return queue.Raster{
		Down:   down,
		Across: across,
		Pieces: p.Pieces() / tiles,
		Rows:   min(down, resource.MaxCells),
		Cols:   min(across, resource.MaxCells),
	}
}

// draw returns the rows of a grid.
func draw(r queue.Raster, cells []queue.Cell, completed bool) []string {
	blank := byte(resource.CellWaiting)
	if completed {
		blank = resource.CellCompleted
	}
	rows := make([][]byte, r.Rows)
	for i := range rows {
		rows[i] = make([]byte, r.Cols)
		for j := range rows[i] {
			rows[i][j] = blank
		}
	}
	down, across := inEach(r.Down, r.Rows), inEach(r.Across, r.Cols)
	for _, c := range cells {
		if c.Row < r.Rows && c.Col < r.Cols {
			rows[c.Row][c.Col] = letter(c, down[c.Row]*across[c.Col]*r.Pieces)
		}
	}
	lines := make([]string, len(rows))
	for i, row := range rows {
		lines[i] = string(row)
	}
	return lines
}

// inEach returns how many of a number of tiles are in each of the cells in a line.
func inEach(tiles, cells int64) []int64 {
	counts := make([]int64, cells)
	for t := range tiles {
		counts[t*cells/tiles]++
	}
	return counts
}

// letter returns what a response has for a cell of so many jobs: the most notable of what they tell.
func letter(c queue.Cell, jobs int64) byte {
	switch {
	case c.Discarded:
		return resource.CellFailed
	case c.Retrying:
		return resource.CellRetrying
	case c.Running:
		return resource.CellRunning
	case c.Completed >= jobs:
		return resource.CellCompleted
	case c.Completed > 0:
		return resource.CellPartly
	}
	return resource.CellWaiting
}

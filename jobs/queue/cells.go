package queue

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/millrace/millrace/jobs/queue/internal/db"
)

// Raster says into which cells the tiles of a result are gathered: Rows × Cols of them, no more than there are tiles.
type Raster struct {
	Down, Across int64 // tiles
	Pieces       int64 // jobs of a tile
	Rows, Cols   int64 // cells
}

// Cell is what the jobs of the tiles in a cell tell.
type Cell struct {
	Row, Col  int64
	Completed int64 // jobs
	Running   bool  // at least one of them is, and so on
	Retrying  bool
	Discarded bool
}

// Cells returns the cells of a group of which its jobs tell something. It reads each job of the group.
func (c *Client) Cells(ctx context.Context, group uuid.UUID, r Raster) ([]Cell, error) {
	rows, err := c.db.ListCells(ctx, db.ListCellsParams{
		TilesAcross: r.Across,
		TilesDown:   r.Down,
		CellRows:    r.Rows,
		CellCols:    r.Cols,
		Pieces:      r.Pieces,
		GroupID:     group,
	})
	if err != nil {
		return nil, fmt.Errorf("reading the states of tiles: %w", err)
	}
	cells := make([]Cell, len(rows))
	for i, row := range rows {
		cells[i] = Cell{
			Row:       row.CellRow,
			Col:       row.CellCol,
			Completed: row.Completed,
			Running:   row.Running,
			Retrying:  row.Retrying,
			Discarded: row.Discarded,
		}
	}
	return cells, nil
}

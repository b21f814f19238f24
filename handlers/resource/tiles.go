package resource

import "time"

// MaxCells is how many cells a grid of tiles has at most in a row, and in a column.
const MaxCells = 64

// The letters of the cells of a grid.
const (
	CellWaiting   = '.'
	CellPartly    = 'p'
	CellCompleted = 'c'
	CellRunning   = 'r'
	CellRetrying  = 'e'
	CellFailed    = 'f'
)

// TileGrid is the states of the tiles of a multiplication by their places in the result.
type TileGrid struct {
	State      string    `json:"state" enum:"pending,in_progress,completed,failed,cancelled" doc:"Of the multiplication, when this was read"`
	Rows       int64     `json:"rows" minimum:"0" doc:"Tiles in a column of the result"`
	Cols       int64     `json:"cols" minimum:"0" doc:"Tiles in a row of the result"`
	Cells      []string  `json:"cells" nullable:"false" maxItems:"64" doc:"A line for each row of tiles with a letter for each tile, from the upper left corner of the result on: c completed, r running, e retrying, f failed, and a point for one that is not computed. With more than 64 rows or columns a letter is about several neighbours: f, e or r if one of them is, else c, p if some are completed, or a point" example:"[\"ccrr\",\"cr..\"]"`
	ObservedAt time.Time `json:"observed_at" doc:"When this was read: many clients that ask at the same time share it"`
}

// The comment of a package is another linter's.
package doc

// The limits of the block geometry: a comment of a group.
const (
	// maxRows is in elements.
	maxRows = 1
	// the columns
	maxCols = 2
	maxArea = 3 // a comment after the line is free
)

// A point has two coordinates.
type point struct {
	// the abscissa: fields are free
	x, y int
}

// Move moves p.
func (p *point) Move() {}

// moves p up.
func (p *point) up() {}

// first and second are two.
var first, second int

// fourth's comment may begin with any of the names.
var third, fourth, second2 int

//go:noinline
func directive() {}

func bare() {}

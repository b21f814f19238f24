package literal

import "net/http"

type tile struct{ row, col, rows int }

type named map[string]int

const one, two, three = "1", "2", "3"

var (
	pair   = tile{row: 1, col: 2}
	packed = tile{row: 1, col: 2, rows: 3} // why
	spread = tile{
		row:  1,
		col:  2,
		rows: 3,
	}
	some = tile{
		row: 1, col: 2,
		rows: 3,
	}
	braces = tile{row: 1,
		col:  2,
		rows: 3}
	outer     = &http.Server{Addr: "", Handler: nil, ErrorLog: nil, TLSConfig: nil, BaseContext: nil}
	rows      = []*tile{{row: 1, col: 2, rows: 3}, {1, 2, 3}}
	byName    = map[string]tile{"a": {row: 1, col: 2, rows: 3}}
	aMap      = map[string]int{one: 1, two: 2, three: 3}
	aNamedMap = named{one: 1, two: 2, three: 3}
)

func nested() {
	use(tile{row: 1, col: 2, rows: use(tile{row: 1, col: 2, rows: 3})}) // both
}

func use(t tile) int { return t.row }

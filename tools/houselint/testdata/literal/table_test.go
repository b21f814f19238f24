package literal

var cases = []tile{
	{row: 1, col: 2, rows: 3},
	{row: 4, col: 5, rows: 6},
}

var single = tile{row: 1, col: 2, rows: 3}

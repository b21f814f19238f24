package example

import "github.com/millrace/millrace/handlers/resource"

// Reused is a multiplication that has the result of an earlier one.
func Reused() resource.Multiplication {
	m := Completed()
	const n = 5000
	m.Shape = resource.Dimensions{
		M: n,
		K: n,
		N: n,
	}
	large := func(r resource.MatrixRef) resource.MatrixRef {
		r.Rows = n
		r.Cols = n
		return r
	}
	m.A = large(m.A)
	m.B = large(m.B)
	m.Result.MatrixRef = large(m.Result.MatrixRef)
	m.Result.Bytes = n * n * 8
	m.Tiles = resource.TileCounts{Total: 6, Completed: 6}
	m.Attempts = 0
	m.Reused = true
	m.StartedAt = &m.CreatedAt
	m.Links.Jobs = ""
	return m
}

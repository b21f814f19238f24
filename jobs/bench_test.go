package jobs_test

import (
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/testdb"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/store"
)

// BenchmarkSubmit queues 2×2 products, from one client and from several at once. Nobody works on them.
func BenchmarkSubmit(b *testing.B) {
	for name, clients := range map[string]int{"one": 1, "eight": 8} {
		b.Run(name, func(b *testing.B) {
			pool := testdb.New(b)
			s := store.Open(pool, store.NewPostgresBlocks(pool), time.Hour)
			c, err := jobs.NewClient(s, nil, jobs.Config{}, slog.New(slog.DiscardHandler))
			if err != nil {
				b.Fatal(err)
			}
			random := jobs.Operand{Matrix: store.NewRandom(matrix.Shape{Rows: 2, Cols: 2, DType: matrix.Float64}, 1)}
			orders := make(chan jobs.Submission)
			var group sync.WaitGroup
			for range clients {
				group.Go(func() {
					for order := range orders {
						if _, err := c.Submit(b.Context(), order); err != nil {
							b.Error(err)
						}
					}
				})
			}
			for b.Loop() {
				a, other := random, random
				a.Matrix.ID, other.Matrix.ID = store.NewID(), store.NewID()
				orders <- jobs.Submission{A: a, B: other, Priority: jobs.DefaultPriority}
			}
			close(orders)
			group.Wait()
		})
	}
}

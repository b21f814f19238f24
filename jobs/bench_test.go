package jobs_test

import (
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/internal/testdb"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/blocks"
)

// BenchmarkSubmit submits multiplications of 2×2 matrices, from one client and from several at once. There are no
// workers.
func BenchmarkSubmit(b *testing.B) {
	for name, clients := range map[string]int{"one": 1, "eight": 8} {
		b.Run(name, func(b *testing.B) {
			pool := testdb.New(b)
			s := store.Open(pool, blocks.NewPostgres(pool), time.Hour)
			c, err := jobs.NewClient(s, nil, queue.Config{}, slog.New(slog.DiscardHandler))
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(c.Stop)
			submissions := make(chan jobs.Submission)
			var group sync.WaitGroup
			for range clients {
				group.Go(func() {
					for submission := range submissions {
						err := s.InTx(b.Context(), func(tx *store.Tx) error {
							_, err := c.SubmitTx(b.Context(), tx.For(identity.DefaultTenant), submission)
							return err
						})
						if err != nil {
							b.Error(err)
						}
					}
				})
			}
			for b.Loop() {
				submissions <- jobs.Submission{
					A:        random(2, 2, 1),
					B:        random(2, 2, 1),
					Priority: jobs.DefaultPriority,
				}
			}
			close(submissions)
			group.Wait()
		})
	}
}

// BenchmarkAccept accepts inline multiplications of 2×2 matrices, one by one and in crowds of 256.
func BenchmarkAccept(b *testing.B) {
	for name, crowd := range map[string]int{"one": 1, "crowd": 256} {
		b.Run(name, func(b *testing.B) {
			pool := testdb.New(b)
			s := store.Open(pool, blocks.NewPostgres(pool), time.Hour)
			c, err := jobs.NewClient(s, nil, queue.Config{}, slog.New(slog.DiscardHandler))
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(c.Stop)
			square := store.Matrix{
				Rows:    2,
				Cols:    2,
				DType:   matrix.Float64,
				Content: make([]byte, 32),
			}
			b.ReportAllocs()
			for b.Loop() {
				offers := make([]queue.Offer, crowd)
				for n := range offers {
					offers[n].Multiplication, _, _, err = c.Inline(identity.DefaultTenant, jobs.Submission{
						A:        jobs.Operand{Matrix: square},
						B:        jobs.Operand{Matrix: square},
						Priority: jobs.DefaultPriority,
					})
					if err != nil {
						b.Fatal(err)
					}
				}
				for _, err := range c.Accept(b.Context(), offers...) {
					if err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

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

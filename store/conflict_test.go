package store_test

import (
	"testing"

	"github.com/millrace/millrace/store"
)

// TestDeadlockIsRetried: two transactions that lock two rows in different orders both commit, and what follows the
// commit is called once for each.
func TestDeadlockIsRetried(t *testing.T) {
	t.Parallel()
	s := withTable(t)
	for id := 1; id <= 2; id++ {
		if _, err := s.Pool.Exec(t.Context(), "INSERT INTO mine VALUES ($1, NULL)", id); err != nil {
			t.Fatal(err)
		}
	}
	has := [2]chan struct{}{make(chan struct{}), make(chan struct{})}
	ended := make(chan error, 2)
	calls := [2]called{}
	for i := range has {
		go func() {
			tries := 0
			ended <- s.InTx(t.Context(), func(tx *store.Tx) error {
				tries++
				calls[i].after(tx, "committed")
				for n := range 2 {
					_, err := tx.Pgx().Exec(t.Context(), "SELECT FROM mine WHERE id = $1 FOR UPDATE", 1+(i+n)%2)
					if err != nil {
						return err
					}
					if tries == 1 && n == 0 { // both have locked one row before either goes on
						close(has[i])
						<-has[1-i]
					}
				}
				return nil
			})
		}()
	}
	for range has {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	if len(calls[0]) != 1 || len(calls[1]) != 1 {
		t.Errorf("got the calls %q after the commits, want one each", calls)
	}
}

package notify

import (
	"log/slog"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/millrace/millrace/internal/testdb"
	"github.com/millrace/millrace/internal/wire"
)

// written receives when something is written to it.
type written chan struct{}

// Write implements io.Writer.
func (w written) Write(p []byte) (int, error) {
	select {
	case w <- struct{}{}:
	default:
	}
	return len(p), nil
}

// TestSilentConnection: a listener notices that nothing comes any more on a connection which stays open, and opens
// another one.
func TestSilentConnection(t *testing.T) {
	t.Parallel()
	_, beside := setup(t)
	databaseURL := testdb.URL(beside)
	w := wire.New(t, "127.0.0.1:0", databaseURL)
	pool, err := pgxpool.New(t.Context(), w.URL(databaseURL))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	lost := make(written, 1)
	received := Listen(t.Context(), pool, slog.New(slog.NewTextHandler(lost, nil)), urgent)
	if n := <-received; !n.Connected {
		t.Fatalf("got %+v, want the news of a connection", n)
	}
	w.Silence()
	<-lost
	w.Speak()
	if n := <-received; !n.Connected {
		t.Errorf("after the silence: got %+v, want the news of another connection", n)
	}
}

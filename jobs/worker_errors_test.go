package jobs

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// TestErrorsForClients: what clients read names neither paths nor addresses; what the log reads does.
func TestErrorsForClients(t *testing.T) {
	t.Parallel()
	_, missing := os.Open("/secret/path")
	_, refused := net.Dial("tcp", "127.0.0.1:1")
	_, connect := pgconn.Connect(t.Context(), "postgres://u:p@127.0.0.1:1/d?connect_timeout=1")
	for _, err := range []error{missing, refused, connect, &pgconn.PgError{Message: "/secret/path"}} {
		wrapped := fmt.Errorf("storing tile 3: %w", err)
		got := forClients(wrapped)
		if text := got.Error(); strings.Contains(text, "secret") || strings.Contains(text, "127.0.0.1") {
			t.Errorf("forClients() = %q, want neither path nor address", text)
		}
		if !errors.Is(got, err) || forLog(got).Error() != wrapped.Error() {
			t.Errorf("forLog() = %q, want %q", forLog(got), wrapped)
		}
	}
	ours := fmt.Errorf("%w: tile 99 of 4", errPermanent)
	if got := forClients(ours); got.Error() != ours.Error() {
		t.Errorf("forClients() = %q, want %q", got, ours)
	}
}

package told

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
		got := ForClients(wrapped)
		if text := got.Error(); strings.Contains(text, "secret") || strings.Contains(text, "127.0.0.1") {
			t.Errorf("ForClients() = %q, want neither path nor address", text)
		}
		if !errors.Is(got, err) || ForLog(got).Error() != wrapped.Error() {
			t.Errorf("ForLog() = %q, want %q", ForLog(got), wrapped)
		}
	}
	ours := errors.New("permanent: tile 99 of 4")
	if got := ForClients(ours); got.Error() != ours.Error() {
		t.Errorf("ForClients() = %q, want %q", got, ours)
	}
}

// TestPanicsForClients: clients do not read the value of a panic, and the log does.
func TestPanicsForClients(t *testing.T) {
	t.Parallel()
	_, missing := os.Open("/secret/path")
	defer func() {
		value := recover()
		if text := fmt.Sprint(value); text == "" || strings.Contains(text, "secret") {
			t.Errorf("the panic is %q, want a text without the path", text)
		}
		if got := PanicValue(value); got != missing { //nolint:errorlint // the very value
			t.Errorf("PanicValue() = %v, want %v", got, missing)
		}
	}()
	defer HidePanic()
	panic(missing)
}

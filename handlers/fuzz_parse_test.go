package handlers

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/handlers/cursor"
	"github.com/millrace/millrace/store"
)

// FuzzCursor: a cursor that is taken is one that a page may have had: it is written the same way, and its time is one that
// Postgres knows.
func FuzzCursor(f *testing.F) {
	f.Add(cursor.Format(store.Position{CreatedAt: time.UnixMicro(1_700_000_000_000_000), ID: uuid.UUID{1}}))
	f.Add(strings.Repeat("_", 32))
	f.Add(strings.Repeat("g", 32))
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := cursor.Parse(text)
		if err != nil || text == "" {
			return
		}
		if got := cursor.Format(*p); got != text {
			t.Errorf("the cursor %q is written as %q", text, got)
		}
		if year := p.CreatedAt.UTC().Year(); year < 1970 || year > 9999 {
			t.Errorf("the cursor %q is of the year %d", text, year)
		}
	})
}

// FuzzIdempotencyKey: a key that is taken is printable and bounded, and the same with quotes and without.
func FuzzIdempotencyKey(f *testing.F) {
	for _, text := range []string{"a", `"a"`, `"a\"b"; x=1`, `"`, "", "é", strings.Repeat("k", maxKeyBytes+1), `"a", "b"`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		key, err := (&IdempotencyParam{given: []string{text}}).key()
		if err != nil {
			return
		}
		if len(key) == 0 || len(key) > maxKeyBytes {
			t.Errorf("the key of %q has %d bytes, want 1 to %d", text, len(key), maxKeyBytes)
		}
		for _, c := range []byte(key) {
			if c < ' ' || c > '~' {
				t.Errorf("the key of %q has the byte %#x", text, c)
			}
		}
		quoted := `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(key) + `"`
		if again, err := (&IdempotencyParam{given: []string{quoted}}).key(); err != nil || again != key {
			t.Errorf("the key %q is %q, %v with quotes", key, again, err)
		}
	})
}

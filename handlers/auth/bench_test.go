package auth

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/internal/testdb"
	"github.com/millrace/millrace/store/keys"
)

func TestMain(m *testing.M) { testdb.Main(m) }

// BenchmarkIdentify measures what each request costs: the identification by a key that is known, and the check of what
// its route needs.
func BenchmarkIdentify(b *testing.B) {
	store := keys.Open(testdb.New(b))
	_, token, err := store.Create(b.Context(), keys.Order{
		Tenant: "default",
		Name:   "bench",
		Scopes: []identity.Scope{identity.ScopeSubmit},
	})
	if err != nil {
		b.Fatal(err)
	}
	on := New(Config{Keys: store, Verifier: keys.NewVerifier(store, slog.New(slog.DiscardHandler))})
	r := httptest.NewRequest(http.MethodPost, "/v1/multiplications", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	for name, a := range map[string]*Auth{"key": on, "off": New(Config{})} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				ctx := a.Identify(b.Context(), r)
				if err := Scoped(identity.ScopeSubmit).refuses(ctx); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

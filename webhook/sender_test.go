package webhook

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

// TestSignature: the example of the specification.
func TestSignature(t *testing.T) {
	t.Parallel()
	secret := Secret("\x31\xf2\x90\xf6\xbf\x06\x29\x8a\xab\x4f\x08\xd4\x3c\x3f\x08\x2c\xf6\x48\xa3\x62\xda\x2d\xa4\xb0")
	if got, want := secret.Text(), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"; got != want {
		t.Fatalf("Text() = %s, want %s", got, want)
	}
	got := secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`))
	if want := "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; got != want {
		t.Errorf("sign() = %s, want %s", got, want)
	}
}

// TestSilentReceivers: a receiver that accepts connections and says nothing, or sends a response that does not end,
// is not waited for longer than an attempt may take.
func TestSilentReceivers(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}))
	t.Cleanup(slow.Close)
	s := NewSender([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, nil)
	s.timeout = 200 * time.Millisecond
	send := func(ctx context.Context, url string) (int, error) {
		return s.Send(ctx, url, Message{ID: uuid.New(), State: "failed"}, []Secret{NewSecret()})
	}
	if _, err := send(t.Context(), "http://"+silent.Addr().String()); err == nil || !strings.Contains(err.Error(), "within") {
		t.Errorf("Send() = %v to a receiver that says nothing, want that it was not in time", err)
	}
	if status, err := send(t.Context(), slow.URL); status != http.StatusOK || err != nil {
		t.Errorf("Send() = %d, %v with a response that does not end, want its status", status, err)
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if _, err := send(stopped, slow.URL); err != context.Canceled { //nolint:errorlint // it is not wrapped
		t.Errorf("Send() = %v after the order to stop, want %v", err, context.Canceled)
	}
}

// TestURLs: an address that has a secret in a place where it would be shown, or none of a host, is refused.
func TestURLs(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]bool{
		"https://example.com":        true,
		"http://10.0.0.1:8080/x?y=z": true,
		"https://[2001:db8::1]/":     true,
		"":                           false,
		"https://":                   false,
		"https:example.com":          false,
		"//example.com/":             false,
		"file:///etc/passwd":         false,
		"gopher://example.com/":      false,
		"https://a@example.com/":     false,
		"https://example.com/#a":     false,
		"https://exa mple.com/":      false,
		"https://example.com/\r\nx":  false,
		"https://example.com/" + strings.Repeat("x", MaxURL): false,
	} {
		if err := CheckURL(url); (err == nil) != want {
			t.Errorf("CheckURL(%.50q) = %v, want that it is right: %t", url, err, want)
		}
	}
}

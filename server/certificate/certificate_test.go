package certificate_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/millrace/millrace/internal/testtls"
	"github.com/millrace/millrace/server/certificate"
)

// present returns when the certificate expires with which a handshake would be done.
func present(t *testing.T, p *certificate.Pair) time.Time {
	t.Helper()
	pair, err := p.Config("h2").GetCertificate(&tls.ClientHelloInfo{})
	if err != nil {
		t.Fatal(err)
	}
	return pair.Leaf.NotAfter
}

// TestLook: files that change are read again. What cannot be used does not replace what can, and is logged once.
func TestLook(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	log := &bytes.Buffer{}
	authority := testtls.New(t)
	first := time.Now().Add(time.Hour).Truncate(time.Second)
	second := first.Add(time.Hour)
	files := certificate.Files{}
	files.TLSCert, files.TLSKey = authority.Issue(dir, first)
	p, err := certificate.Open(files, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	want := func(what string, expires time.Time, warnings int) {
		t.Helper()
		p.Look()
		p.Look()
		if got := present(t, p); !got.Equal(expires) {
			t.Errorf("%s: the certificate expires at %s, want %s", what, got, expires)
		}
		if got := strings.Count(log.String(), "cannot be read again"); got != warnings {
			t.Errorf("%s: %d warnings, want %d:\n%s", what, got, warnings, log)
		}
	}
	want("unchanged", first, 0)

	oldKey, err := os.ReadFile(files.TLSKey)
	if err != nil {
		t.Fatal(err)
	}
	authority.Issue(dir, second)
	newKey, err := os.ReadFile(files.TLSKey)
	if err != nil {
		t.Fatal(err)
	}
	replace(t, files.TLSKey, oldKey)
	want("the certificate without its key", first, 1)
	replace(t, files.TLSKey, newKey)
	want("both", second, 1)

	replace(t, files.TLSCert, []byte("no certificate"))
	want("damaged", second, 2)
	if err := os.Remove(files.TLSCert); err != nil {
		t.Fatal(err)
	}
	want("gone", second, 3)
}

func replace(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestOpen: a process does not start with files that cannot be used, and says which.
func TestOpen(t *testing.T) {
	t.Parallel()
	authority := testtls.New(t)
	certFile, keyFile := authority.Issue(t.TempDir(), time.Now().Add(time.Hour))
	otherCert, _ := authority.Issue(t.TempDir(), time.Now().Add(time.Hour))
	missing := filepath.Join(t.TempDir(), "missing.pem")
	for name, test := range map[string]struct {
		files certificate.Files
		want  string
	}{
		"no certificate": {certificate.Files{TLSCert: missing, TLSKey: keyFile}, "--tls-cert"},
		"no key":         {certificate.Files{TLSCert: certFile, TLSKey: missing}, "--tls-key"},
		"another's key":  {certificate.Files{TLSCert: otherCert, TLSKey: keyFile}, otherCert},
	} {
		_, err := certificate.Open(test.files, slog.New(slog.DiscardHandler))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: Open() = %v, want an error about %s", name, err, test.want)
		}
	}
}

// TestObserve: the metric is the end of the present certificate, or 0 without one.
func TestObserve(t *testing.T) {
	t.Parallel()
	value := func(p *certificate.Pair) float64 {
		t.Helper()
		registry := prometheus.NewRegistry()
		p.Observe(registry)
		families, err := registry.Gather()
		if err != nil || len(families) != 1 {
			t.Fatalf("Gather() = %v, %v, want one metric", families, err)
		}
		return families[0].GetMetric()[0].GetGauge().GetValue()
	}
	expires := time.Now().Add(time.Hour)
	files := certificate.Files{}
	files.TLSCert, files.TLSKey = testtls.New(t).Issue(t.TempDir(), expires)
	p, err := certificate.Open(files, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if got := value(p); got != float64(expires.Unix()) {
		t.Errorf("the metric is %f, want %d", got, expires.Unix())
	}
	if got := value(nil); got != 0 {
		t.Errorf("without TLS the metric is %f, want 0", got)
	}
}

// TestSelfSigned: a certificate that signs itself is one of a server, with a key of its own, and has no files.
func TestSelfSigned(t *testing.T) {
	t.Parallel()
	var serials []string
	for range 2 {
		p, err := certificate.SelfSigned("millrace", slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		p.Follow(t.Context()) // which returns
		pair, err := p.Config("h2").GetCertificate(&tls.ClientHelloInfo{})
		if err != nil {
			t.Fatal(err)
		}
		roots := x509.NewCertPool()
		roots.AddCert(pair.Leaf)
		if _, err := pair.Leaf.Verify(x509.VerifyOptions{DNSName: "millrace", Roots: roots}); err != nil {
			t.Errorf("Verify() = %v, want nil", err)
		}
		serials = append(serials, pair.Leaf.SerialNumber.String())
	}
	if serials[0] == serials[1] {
		t.Errorf("both have the number %s, want two", serials[0])
	}
}

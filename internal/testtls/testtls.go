// Package testtls makes certificates for tests: an authority, and what it signs.
package testtls

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Authority signs certificates.
type Authority struct {
	CAFile string // its certificate, in PEM
	Pool   *x509.CertPool

	t      testing.TB
	parent *x509.Certificate
	key    *ecdsa.PrivateKey
}

// New returns an authority that no other test knows.
func New(t testing.TB) *Authority {
	t.Helper()
	a := &Authority{
		CAFile: filepath.Join(t.TempDir(), "ca.pem"),
		Pool:   x509.NewCertPool(),
		t:      t,
	}
	template := a.template(time.Now().Add(time.Hour))
	template.Subject = pkix.Name{CommonName: "Test authority"}
	template.IsCA = true
	template.BasicConstraintsValid = true
	template.KeyUsage = x509.KeyUsageCertSign
	a.key = a.newKey()
	a.parent = template
	der := a.sign(template, a.key)
	a.parent, _ = x509.ParseCertificate(der) // it was just made
	a.Pool.AddCert(a.parent)
	write(t, a.CAFile, "CERTIFICATE", der)
	return a
}

// Issue writes a certificate for localhost and the loopback addresses, and its key, to a directory.
func (a *Authority) Issue(dir string, expires time.Time) (certFile, keyFile string) {
	a.t.Helper()
	template := a.template(expires)
	template.DNSNames = []string{"localhost"}
	template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	key := a.newKey()
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	write(a.t, certFile, "CERTIFICATE", a.sign(template, key))
	write(a.t, keyFile, "EC PRIVATE KEY", der)
	return certFile, keyFile
}

// Client returns a certificate by which a client shows that it has a name.
func (a *Authority) Client(name string) tls.Certificate {
	a.t.Helper()
	template := a.template(time.Now().Add(time.Hour))
	template.Subject = pkix.Name{CommonName: name}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	key := a.newKey()
	return tls.Certificate{Certificate: [][]byte{a.sign(template, key)}, PrivateKey: key}
}

// Config returns the configuration of a client that trusts the authority.
func (a *Authority) Config(protocols ...string) *tls.Config {
	return &tls.Config{
		RootCAs:    a.Pool,
		ServerName: "localhost",
		NextProtos: protocols,
		MinVersion: tls.VersionTLS12,
	}
}

func (a *Authority) template(expires time.Time) *x509.Certificate {
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		a.t.Fatal(err)
	}
	return &x509.Certificate{
		SerialNumber: serial,
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     expires,
	}
}

func (a *Authority) newKey() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	return key
}

func (a *Authority) sign(template *x509.Certificate, key *ecdsa.PrivateKey) []byte {
	der, err := x509.CreateCertificate(rand.Reader, template, a.parent, &key.PublicKey, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	return der
}

// write replaces a file, as what renews certificates does.
func write(t testing.TB, path, kind string, der []byte) {
	t.Helper()
	part := path + ".part"
	text := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	if err := os.WriteFile(part, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(part, path); err != nil {
		t.Fatal(err)
	}
}

// Server returns the configuration of a server with a certificate of the authority.
func (a *Authority) Server() *tls.Config {
	a.t.Helper()
	pair, err := tls.LoadX509KeyPair(a.Issue(a.t.TempDir(), time.Now().Add(time.Hour)))
	if err != nil {
		a.t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
}

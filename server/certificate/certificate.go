// Package certificate keeps the certificate of a server current: it is read again when its files change.
package certificate

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/millrace/millrace/internal/loop"
)

// Files name a certificate and its key.
type Files struct {
	TLSCert string `name:"tls-cert" placeholder:"FILE" help:"Serve the API by HTTPS, with this certificate and its chain, in PEM. The file and that of the key are read again when they change."`
	TLSKey  string `name:"tls-key" placeholder:"FILE" help:"Key of --tls-cert, in PEM."`

	Prefix string `kong:"-"` // of the names of the flags in errors, where they are others
}

// Given reports whether there are files: else the server has no TLS.
func (f Files) Given() bool { return f.TLSCert != "" || f.TLSKey != "" }

// Validate returns an error if one of the files is missing.
func (f Files) Validate() error {
	if f.Given() && (f.TLSCert == "" || f.TLSKey == "") {
		return fmt.Errorf("--%[1]stls-cert and --%[1]stls-key must be given together", f.Prefix)
	}
	return nil
}

// content is what the files contain.
type content struct{ cert, key []byte }

func (f Files) read() (c content, err error) {
	if c.cert, err = os.ReadFile(f.TLSCert); err != nil {
		return c, fmt.Errorf("--%stls-cert: %w", f.Prefix, err)
	}
	if c.key, err = os.ReadFile(f.TLSKey); err != nil {
		return c, fmt.Errorf("--%stls-key: %w", f.Prefix, err)
	}
	return c, nil
}

// Pair is the present certificate, with its key.
type Pair struct {
	files   Files
	log     *slog.Logger
	present atomic.Pointer[tls.Certificate]

	mu     sync.Mutex
	last   content // that was looked at
	reason string  // why the files cannot be used, or empty
}

// Open reads the files. They must be usable.
func Open(files Files, log *slog.Logger) (*Pair, error) {
	p := &Pair{files: files, log: log}
	if err := p.load(); err != nil {
		return nil, err
	}
	return p, nil
}

// load reads the files, and takes what they contain if it has changed.
func (p *Pair) load() error {
	now, err := p.files.read()
	if err != nil {
		return err
	}
	if bytes.Equal(now.cert, p.last.cert) && bytes.Equal(now.key, p.last.key) && p.present.Load() != nil {
		return nil
	}
	pair, err := tls.X509KeyPair(now.cert, now.key)
	if err != nil {
		return fmt.Errorf("--%[1]stls-cert %[2]s, --%[1]stls-key %[3]s: %[4]w",
			p.files.Prefix, p.files.TLSCert, p.files.TLSKey, err)
	}
	p.last = now
	p.present.Store(&pair)
	p.log.Info("certificate", "names", pair.Leaf.DNSNames, "expires", pair.Leaf.NotAfter)
	if time.Now().After(pair.Leaf.NotAfter) {
		p.log.Warn("the certificate has expired", "file", p.files.TLSCert)
	}
	return nil
}

// interval is the pause between two looks at the files.
const interval = time.Second

// Follow reads the files again when they change, until ctx is done. It returns at once if there are none.
func (p *Pair) Follow(ctx context.Context) {
	if !p.files.Given() {
		return
	}
	loop.Every(ctx, interval, func(context.Context) { p.Look() })
}

// Look reads the files again if they have changed. If that fails, the present certificate stays, and the log says why,
// once: of two files that are replaced one after the other the first does not fit the second.
func (p *Pair) Look() {
	p.mu.Lock()
	defer p.mu.Unlock()
	reason := ""
	if err := p.load(); err != nil {
		reason = err.Error()
	}
	if reason != "" && reason != p.reason {
		p.log.Warn("the certificate cannot be read again, the present one stays", "error", reason)
	}
	p.reason = reason
}

// Config returns the configuration of a server with the certificate, for these protocols.
func (p *Pair) Config(protocols ...string) *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return p.present.Load(), nil },
		NextProtos:     protocols,
	}
}

// Observe registers the metric of a certificate, which may be nil.
func (p *Pair) Observe(registry prometheus.Registerer) {
	registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "millrace_tls_certificate_expiry_timestamp_seconds",
		Help: "When the certificate of the API expires; 0 without TLS.",
	}, func() float64 {
		if p == nil {
			return 0
		}
		return float64(p.present.Load().Leaf.NotAfter.Unix())
	}))
}

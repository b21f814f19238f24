package externalmetrics

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/millrace/millrace/internal/loop"
)

// caller is for whom a request acts, by the name and the groups that Kubernetes knows.
type caller struct {
	User   string              `json:"user"`
	UID    string              `json:"uid,omitempty"`
	Groups []string            `json:"groups,omitempty"`
	Extra  map[string][]string `json:"extra,omitempty"`
}

// The groups that mean something here.
const (
	masters         = "system:masters" // may do everything in every cluster, and is the API server itself
	authenticated   = "system:authenticated"
	unauthenticated = "system:unauthenticated"
)

// frontProxy is what Kubernetes says of the API server that passes requests on: what has signed its certificate, which
// names that may have, and in which header fields it says for whom a request acts.
type frontProxy struct {
	roots    *x509.CertPool
	names    []string // any if there are none
	users    []string
	uids     []string
	groups   []string
	prefixes []string // of the fields with what else is known of a user
}

// frontProxyPath is that of the ConfigMap with these.
const frontProxyPath = "/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication"

// parseFrontProxy parses the data of the ConfigMap.
func parseFrontProxy(data map[string]string) (*frontProxy, error) {
	f := &frontProxy{roots: x509.NewCertPool()}
	if !f.roots.AppendCertsFromPEM([]byte(data["requestheader-client-ca-file"])) {
		return nil, errors.New("extension-apiserver-authentication has no certificate in requestheader-client-ca-file: " +
			"the API server has no aggregation layer")
	}
	for key, into := range map[string]*[]string{
		"requestheader-allowed-names":        &f.names,
		"requestheader-username-headers":     &f.users,
		"requestheader-uid-headers":          &f.uids,
		"requestheader-group-headers":        &f.groups,
		"requestheader-extra-headers-prefix": &f.prefixes,
	} {
		if data[key] == "" {
			continue
		}
		if err := json.Unmarshal([]byte(data[key]), into); err != nil {
			return nil, fmt.Errorf("extension-apiserver-authentication: %s: %w", key, err)
		}
	}
	return f, nil
}

// verify returns an error unless a request comes from the API server.
func (f *frontProxy) verify(chain []*x509.Certificate) error {
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	if _, err := chain[0].Verify(x509.VerifyOptions{
		Roots:         f.roots,
		Intermediates: between,
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}); err != nil {
		return err
	}
	if name := chain[0].Subject.CommonName; len(f.names) > 0 && !slices.Contains(f.names, name) {
		return fmt.Errorf("the certificate has the name %.100q, which is not allowed", name)
	}
	return nil
}

// caller returns for whom the API server says that a request acts.
func (f *frontProxy) caller(head http.Header) (caller, bool) {
	who := caller{User: first(head, f.users), UID: first(head, f.uids)}
	for _, field := range f.groups {
		who.Groups = append(who.Groups, head.Values(field)...)
	}
	for _, prefix := range f.prefixes {
		for field, values := range head {
			if len(field) <= len(prefix) || !strings.EqualFold(field[:len(prefix)], prefix) {
				continue
			}
			key := strings.ToLower(field[len(prefix):])
			if unescaped, err := url.PathUnescape(key); err == nil {
				key = unescaped
			}
			if who.Extra == nil {
				who.Extra = map[string][]string{}
			}
			who.Extra[key] = append(who.Extra[key], values...)
		}
	}
	// As every server of Kubernetes does: the API server asks for descriptions in the name of users without groups.
	if !slices.Contains(who.Groups, authenticated) && !slices.Contains(who.Groups, unauthenticated) {
		who.Groups = append(who.Groups, authenticated)
	}
	return who, who.User != ""
}

// first returns the value of the first of some fields that has one.
func first(head http.Header, fields []string) string {
	for _, field := range fields {
		if v := head.Get(field); v != "" {
			return v
		}
	}
	return ""
}

const (
	// rereadInterval is how often the ConfigMap is read again.
	rereadInterval = 10 * time.Second
	// rereadPause is how long after a look a certificate that is not known causes no other one.
	rereadPause = 2 * time.Second
)

// callers tells for whom requests act.
type callers struct {
	cluster *cluster
	log     *slog.Logger
	present atomic.Pointer[frontProxy] // nil until it was read

	mu     sync.Mutex
	at     time.Time // of the last look
	reason string    // why it was of no use, or empty
}

func newCallers(c *cluster, log *slog.Logger) *callers { return &callers{cluster: c, log: log} }

// follow reads the ConfigMap again and again, until ctx is done.
func (c *callers) follow(ctx context.Context) { loop.Every(ctx, rereadInterval, c.read) }

// read reads the ConfigMap. If that fails, what was read before stays, and the log says why, once.
func (c *callers) read(ctx context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.look(ctx)
}

// look reads the ConfigMap. The caller holds the lock.
func (c *callers) look(ctx context.Context) {
	var object struct{ Data map[string]string }
	err := c.cluster.get(ctx, frontProxyPath, &object)
	c.at = time.Now()
	var found *frontProxy
	if err == nil {
		found, err = parseFrontProxy(object.Data)
	}
	if err == nil {
		c.present.Store(found)
		c.reason = ""
		return
	}
	if reason := err.Error(); reason != c.reason && ctx.Err() == nil {
		c.reason = reason
		c.log.WarnContext(ctx, "external metrics: what identifies the API server cannot be read", "error", err)
	}
}

// readAgain reads the ConfigMap unless that was done just now.
func (c *callers) readAgain(ctx context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.at) >= rereadPause {
		c.look(ctx)
	}
}

// errNotRead says that nothing is known yet of the API server.
var errNotRead = errors.New("what identifies the API server could not be read yet, see the log of the API")

func unauthorized(format string, args ...any) error {
	return &refusal{
		code:   http.StatusUnauthorized,
		reason: "Unauthorized",
		text:   fmt.Sprintf(format, args...),
	}
}

// of returns for whom a request acts. A certificate that is not known may be a new one: the ConfigMap is read again
// before it is refused.
func (c *callers) of(ctx context.Context, r *http.Request) (caller, error) {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return caller{}, unauthorized("requests come from the API server of Kubernetes, by its certificate: there is none")
	}
	present := c.present.Load()
	if present == nil {
		c.readAgain(ctx)
		if present = c.present.Load(); present == nil {
			return caller{}, errNotRead
		}
	}
	err := present.verify(r.TLS.PeerCertificates)
	if err != nil {
		c.readAgain(ctx)
		present = c.present.Load()
		err = present.verify(r.TLS.PeerCertificates)
	}
	if err != nil {
		return caller{}, unauthorized("not a request of the API server: %v", err)
	}
	who, ok := present.caller(r.Header)
	if !ok {
		return caller{}, unauthorized("the API server does not say for whom it asks")
	}
	return who, nil
}

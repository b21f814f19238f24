package s3server

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"
)

// Proxy is in front of a server, and does to requests what Fault says.
type Proxy struct {
	Address string // of its bucket, for settings, without a prefix

	mutex    sync.Mutex
	fault    Fault
	requests int
	bytes    int64
}

// Fault handles a request, whose number counts from 1 on; pass is what the server does.
type Fault func(n int, w http.ResponseWriter, r *http.Request, pass http.Handler)

// NewProxy starts a proxy.
func NewProxy(t testing.TB) *Proxy {
	t.Helper()
	server := Start(t)
	p := &Proxy{}
	pass := &httputil.ReverseProxy{
		Rewrite:      func(r *httputil.ProxyRequest) { r.Out.URL.Scheme, r.Out.URL.Host = "http", server },
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mutex.Lock()
		p.requests++
		n, fault := p.requests, p.fault
		p.mutex.Unlock()
		counted := &counting{ResponseWriter: w, proxy: p}
		if fault == nil {
			pass.ServeHTTP(counted, r)
			return
		}
		fault(n, counted, r, pass)
	}))
	t.Cleanup(front.Close)
	p.Address = fmt.Sprintf("s3://%s?endpoint=%s", Bucket, url.QueryEscape(front.URL))
	return p
}

// Set makes requests have a fault, nil for none, and counts anew.
func (p *Proxy) Set(f Fault) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.fault = f
	p.requests = 0
	p.bytes = 0
}

// Count returns how many requests there were, and how many bytes responses had.
func (p *Proxy) Count() (requests int, bytes int64) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.requests, p.bytes
}

// Refuse responds as a store does that refuses a request.
func Refuse(w http.ResponseWriter, status int, code string) {
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, "<Error><Code>%s</Code><Message>for a test</Message></Error>", code)
}

// counting counts the bytes of bodies.
type counting struct {
	http.ResponseWriter
	proxy *Proxy
}

// Write implements io.Writer.
func (c *counting) Write(p []byte) (int, error) {
	c.proxy.mutex.Lock()
	c.proxy.bytes += int64(len(p)) // before the client can have them, and look
	c.proxy.mutex.Unlock()
	return c.ResponseWriter.Write(p)
}

// Unwrap returns what http.ResponseController needs.
func (c *counting) Unwrap() http.ResponseWriter { return c.ResponseWriter }

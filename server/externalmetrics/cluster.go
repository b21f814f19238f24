package externalmetrics

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// The bounds of a request to the API of Kubernetes.
const (
	clusterTimeout = 5 * time.Second
	maxObject      = 1 << 20
)

// cluster is the API of the Kubernetes in which the process runs, as its service account.
type cluster struct {
	url    string
	folder string // of the service account: token, ca.crt, namespace

	mu   sync.Mutex
	ca   []byte // that the client trusts
	http *http.Client
}

// newCluster returns the API at an address, or that of the cluster in which the process runs.
func newCluster(url, folder string) (*cluster, error) {
	if url == "" {
		host, port := os.Getenv("KUBERNETES_SERVICE_HOST"), os.Getenv("KUBERNETES_SERVICE_PORT")
		if host == "" || port == "" {
			return nil, errors.New("the process does not run in Kubernetes: KUBERNETES_SERVICE_HOST or …_PORT is not set")
		}
		url = "https://" + net.JoinHostPort(host, port)
	}
	return &cluster{url: strings.TrimSuffix(url, "/"), folder: folder}, nil
}

// namespace returns the namespace of the pod.
func (c *cluster) namespace() (string, error) {
	text, err := os.ReadFile(filepath.Join(c.folder, "namespace"))
	name := strings.TrimSpace(string(text))
	if err == nil && name == "" {
		err = fmt.Errorf("%s/namespace is empty", c.folder)
	}
	return name, err
}

// client returns a client that trusts the authority of the cluster as it is now.
func (c *cluster) client() (*http.Client, error) {
	ca, err := os.ReadFile(filepath.Join(c.folder, "ca.crt"))
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.http != nil && bytes.Equal(ca, c.ca) {
		return c.http, nil
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(ca) {
		return nil, fmt.Errorf("%s/ca.crt has no certificate", c.folder)
	}
	if c.http != nil {
		c.http.CloseIdleConnections()
	}
	c.ca = ca
	c.http = &http.Client{
		Timeout: clusterTimeout,
		Transport: &http.Transport{
			DialContext:           (&net.Dialer{Timeout: clusterTimeout}).DialContext,
			TLSClientConfig:       &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:   clusterTimeout,
			ResponseHeaderTimeout: clusterTimeout,
			ForceAttemptHTTP2:     true,
			IdleConnTimeout:       time.Minute,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c.http, nil
}

// get reads an object.
func (c *cluster) get(ctx context.Context, path string, into any) error {
	return c.call(ctx, http.MethodGet, path, nil, into)
}

// create creates an object, and reads what has become of it.
func (c *cluster) create(ctx context.Context, path string, object, into any) error {
	text, err := json.Marshal(object)
	if err != nil {
		return err
	}
	return c.call(ctx, http.MethodPost, path, text, into)
}

func (c *cluster) call(ctx context.Context, method, path string, body []byte, into any) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	token, err := os.ReadFile(filepath.Join(c.folder, "token")) // it is replaced every hour or so
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, method, c.url+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	r.Header.Set("Accept", "application/json")
	r.Header.Set("Content-Type", "application/json")
	response, err := client.Do(r)
	if err != nil {
		return fmt.Errorf("asking Kubernetes: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxObject))
	if err != nil {
		return fmt.Errorf("asking Kubernetes: %w", err)
	}
	if response.StatusCode < 200 || response.StatusCode > 299 {
		var status struct{ Message string }
		_ = json.Unmarshal(text, &status) // a proxy sends something else
		return fmt.Errorf("asking Kubernetes: %s %s: %s: %.300q", method, path, response.Status, status.Message)
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("asking Kubernetes: %s %s: %w", method, path, err)
	}
	return nil
}

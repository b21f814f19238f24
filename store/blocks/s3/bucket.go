package s3

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/encrypt"
)

// Bucket is a part of a bucket: the objects whose keys begin with the prefix of its address, which the keys of its
// methods do not have. Its methods try again what fails for a reason that passes. It is safe for concurrent use.
type Bucket struct {
	address Address
	client  minio.Core
	idle    *http.Transport
	sse     encrypt.ServerSide
	page    int // how many keys are read at once
	// unconditional is whether the store is known not to support conditions of a PUT.
	unconditional atomic.Bool
}

// Connections is how many requests a process has under way at most: what more there is waits for one of them.
const Connections = 64

// Open returns the bucket of an address. It does not connect.
func Open(address Address) (*Bucket, error) {
	style := minio.BucketLookupDNS
	if address.pathStyle() {
		style = minio.BucketLookupPath
	}
	connections := transport()
	client, err := minio.NewCore(address.Endpoint, &minio.Options{
		Creds:        credentials.New(newChain()),
		Secure:       !address.Plain,
		Transport:    connections,
		Region:       address.Region,
		BucketLookup: style,
		MaxRetries:   1, // see retry
	})
	if err != nil {
		return nil, fmt.Errorf("opening the bucket: %w", err)
	}
	client.SetAppInfo("millrace", "1")
	b := &Bucket{
		address: address,
		client:  *client,
		idle:    connections,
		page:    listPage,
	}
	switch key, _ := strings.CutPrefix(address.SSE, "kms:"); {
	case address.SSE == "s3":
		b.sse = encrypt.NewSSE()
	case address.SSE == "kms":
		b.sse, err = encrypt.NewSSEKMS("", nil)
	case address.SSE != "":
		b.sse, err = encrypt.NewSSEKMS(key, nil)
	}
	if err != nil {
		return nil, fmt.Errorf("opening the bucket: %w", err)
	}
	return b, nil
}

// transport returns the connections of a bucket. Each wait has an end, also those for credentials, which have no other.
func transport() *http.Transport {
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
		MaxConnsPerHost:       Connections,
		MaxIdleConns:          2 * Connections,
		MaxIdleConnsPerHost:   Connections,
		IdleConnTimeout:       30 * time.Second, // less than stores keep theirs
		TLSHandshakeTimeout:   5 * time.Second,
		ResponseHeaderTimeout: tryTimeout,
		ExpectContinueTimeout: time.Second,
		DisableCompression:    true,
		WriteBufferSize:       64 << 10,
		ReadBufferSize:        64 << 10,
	}
}

// String names the bucket in errors.
func (b *Bucket) String() string { return b.address.String() }

// key returns the whole key of an object.
func (b *Bucket) key(key string) string { return b.address.Prefix + key }

// Close closes the connections that are idle. The bucket may still be used.
func (b *Bucket) Close() { b.idle.CloseIdleConnections() }

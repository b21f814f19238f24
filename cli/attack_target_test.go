package cli_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// attackTime is how long an attack lasts that has not come to its end.
const attackTime = 4 * time.Second

// target is an API that is attacked, and how it is reached.
type target struct {
	*deployment
	client *http.Client
	config *tls.Config // nil: without TLS
}

// dial returns a connection. A handshake that fails is one of the attack's requests that is refused.
func (d target) dial() net.Conn {
	d.t.Helper()
	_, addr, _ := strings.Cut(d.server, "://")
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		d.t.Fatal(err)
	}
	if d.config == nil {
		return conn
	}
	config := d.config.Clone()
	config.ServerName = "127.0.0.1"
	return tls.Client(conn, config)
}

// underAttack attacks the API, and returns how long a small request took meanwhile.
func (d target) underAttack(a attack) time.Duration {
	d.t.Helper()
	text := bytes.Repeat([]byte(a.text), a.repeat) // one for all
	head := a.head
	if a.setup != "" {
		head = fmt.Sprintf(head, d.create(a.route, a.setup))
	}
	var clients sync.WaitGroup
	var done atomic.Int64
	var conns []net.Conn
	for range a.clients {
		conn := d.dial()
		conns = append(conns, conn)
		clients.Go(func() {
			if status := a.run(conn, head, text); slices.Contains(harmless, status) {
				d.t.Errorf("a request of the attack: %s, want it to reach the API", status)
			}
			done.Add(1)
		})
	}
	ended := time.Now().Add(attackTime)
	var longest time.Duration
	for busy := true; busy; time.Sleep(200 * time.Millisecond) {
		busy = time.Now().Before(ended) && (a.unread || int(done.Load()) < a.clients)
		longest = max(longest, d.small())
	}
	for _, conn := range conns {
		_ = conn.Close()
	}
	clients.Wait()
	return longest
}

// harmless are the statuses of requests that are refused for reasons other than the memory that they take.
var harmless = []string{"404", "405", "406", "409", "415", "421", "500"}

// run is what one client does until its connection is closed. It returns the status of the response, "" without one.
func (a attack) run(conn net.Conn, head string, text []byte) string {
	if a.unread {
		below := conn
		if secure, ok := conn.(*tls.Conn); ok {
			below = secure.NetConn()
		}
		_ = below.(*net.TCPConn).SetReadBuffer(4 << 10)
	}
	_, _ = io.WriteString(conn, head) // it may be refused at any time
	_, _ = conn.Write(text)
	if a.half {
		_ = conn.(interface{ CloseWrite() error }).CloseWrite()
	}
	line := make([]byte, len("HTTP/1.1 200"))
	if _, err := io.ReadFull(conn, line); err != nil {
		return ""
	}
	return string(line[len("HTTP/1.1 "):])
}

// create sends a POST, and returns the id of what it has made.
func (d target) create(path, body string) string {
	d.t.Helper()
	response, err := d.client.Post(d.server+path, "application/json", strings.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	_ = response.Body.Close()
	location := response.Header.Get("Location")
	if location == "" {
		d.t.Fatalf("POST %s %s: %s, want a location", path, body, response.Status)
	}
	return filepath.Base(location)
}

// small submits a small multiplication, which must be accepted or put off, and returns how long that took.
func (d target) small() time.Duration {
	d.t.Helper()
	begin := time.Now()
	response, err := d.client.Post(d.server+"/v1/multiplications", "application/json", bytes.NewBufferString(twoByTwo))
	var refused *net.OpError
	switch {
	case errors.As(err, &refused):
		d.t.Fatalf("the API is gone: %v", err)
	case err != nil:
		d.t.Errorf("a small multiplication: %v, want a response", err)
		return time.Since(begin)
	}
	_ = response.Body.Close()
	putOff := response.StatusCode == http.StatusServiceUnavailable || response.StatusCode == http.StatusTooManyRequests
	if response.StatusCode != http.StatusAccepted && (!putOff || response.Header.Get("Retry-After") == "") {
		d.t.Errorf("a small multiplication: %s, want 202, or 429 or 503 with Retry-After", response.Status)
	}
	return time.Since(begin)
}

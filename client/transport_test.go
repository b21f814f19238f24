package client_test

import (
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/millrace/millrace/client"
)

// silent returns a client of a server that accepts connections, reads as much of them as read does, and responds with
// what it returns.
func silent(t *testing.T, read func(ctx context.Context, conn net.Conn) (response string)) *client.Client {
	t.Helper()
	transport := client.NewTransport()
	transport.DialContext = func(context.Context, string, string) (net.Conn, error) {
		near, far := net.Pipe()
		t.Cleanup(func() { _ = far.Close() })
		go func() {
			if _, err := io.WriteString(far, read(t.Context(), far)); err == nil {
				_, _ = io.Copy(io.Discard, far)
			}
		}()
		return near, nil
	}
	t.Cleanup(transport.CloseIdleConnections)
	c, err := client.New("http://millrace.test", client.WithTransport(transport))
	if err != nil {
		t.Fatal(err)
	}
	c.Retries = 0
	return c
}

// readSome reads the beginning of a request.
func readSome(conn net.Conn) { _, _ = conn.Read(make([]byte, 512)) }

// TestSilentServer: no request waits for ever for a server that has accepted a connection and falls silent. Where one
// did, synctest would report a deadlock.
func TestSilentServer(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.npy")
	const size = 1 << 20
	if err := os.WriteFile(path, make([]byte, size), 0o600); err != nil {
		t.Fatal(err)
	}
	nothing := func(_ context.Context, conn net.Conn) string {
		_, _ = io.Copy(io.Discard, conn)
		return ""
	}
	unread := func(ctx context.Context, conn net.Conn) string {
		readSome(conn)
		<-ctx.Done()
		return ""
	}
	for name, test := range map[string]struct {
		server func(context.Context, net.Conn) string
		call   func(context.Context, *client.Client) error
	}{
		"no response": {nothing, func(ctx context.Context, c *client.Client) error {
			_, err := c.Multiplication(ctx, "x")
			return err
		}},
		"half a response": {func(_ context.Context, conn net.Conn) string {
			readSome(conn)
			return "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"
		}, func(ctx context.Context, c *client.Client) error {
			_, err := c.Multiplication(ctx, "x")
			return err
		}},
		"an upload that is not read": {unread, func(ctx context.Context, c *client.Client) error {
			_, err := c.Upload(ctx, path, func(int64) {})
			return err
		}},
		"an upload without response": {nothing, func(ctx context.Context, c *client.Client) error {
			_, err := c.Upload(ctx, path, func(int64) {})
			return err
		}},
		"a stream that is not read": {unread, func(ctx context.Context, c *client.Client) error {
			_, err := c.UploadStream(ctx, strings.NewReader(strings.Repeat("x", size)), size, func(int64) {})
			return err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				err := test.call(t.Context(), silent(t, test.server))
				if err == nil || t.Context().Err() != nil {
					t.Errorf("the error is %v, want one because of the silence", err)
				}
			})
		})
	}
}

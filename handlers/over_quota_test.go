package handlers_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/handlers/guard"
)

// TestUploadOverQuota: a matrix that has no room in the quota of its tenant is refused as soon as it is known to have
// none, before the client sends the rest, and counted.
func TestUploadOverQuota(t *testing.T) {
	t.Parallel()
	b := setupQuotas(t, "max_stored_bytes=300000")
	file := someElements(200, 200).npy()
	checkExceeded(t, b.ask(t, bob, http.MethodPost, "/v1/matrices", npyType, file), "stored-bytes")
	const form = "multipart/form-data; boundary=x"
	const part = "--x\r\nContent-Disposition: form-data; name=\"%s\"; filename=\"f\"\r\n" +
		"Content-Type: " + npyType + "\r\n\r\n"
	small := someElements(100, 200).npy() // 160,000 bytes
	for what, request := range map[string]struct{ path, kind, head, body string }{
		"a head": {
			path: "matrices",
			kind: npyType,
			head: waitsForContinue + "\r\nContent-Length: 1000000",
		},
		"a file in chunks": {
			path: "matrices",
			kind: npyType,
			body: string(file[:128]),
		},
		"numbers": {
			path: "matrices",
			kind: jsonType,
			body: `{"values": [` + strings.Repeat("[1,2,3,4],", 20_000),
		},
		"a file of a form": {
			path: "multiplications",
			kind: form,
			body: fmt.Sprintf(part, "a") + string(file[:128]),
		},
		"the last file of a form": {
			path: "multiplications",
			kind: form,
			body: fmt.Sprintf(part, "a") + string(small) + "\r\n" + fmt.Sprintf(part, "b") + string(small[:128]),
		},
	} {
		head := request.head
		if head == "" { // one chunk of what is never complete
			head = "Transfer-Encoding: chunked"
			request.body = fmt.Sprintf("%x\r\n%s\r\n", len(request.body), request.body)
		}
		line := b.firstLine(t, fmt.Sprintf("POST /v1/%s HTTP/1.1\r\nHost: x\r\n%s: %d\r\nContent-Type: %s\r\n%s\r\n\r\n%s",
			request.path, tenantHeader, bob, request.kind, head, request.body))
		if !strings.HasPrefix(line, "HTTP/1.1 429") {
			t.Errorf("%s that has no room: got %q, want 429 before the rest of it", what, line)
		}
	}
	if got := b.refused(t, guard.StoredBytes); got != 6 {
		t.Errorf("%v requests are counted as refused, want 6", got)
	}
}

// firstLine sends text on a connection of its own, and returns the first line of the response.
func (b *testBundle) firstLine(t *testing.T, text string) string {
	t.Helper()
	conn, err := net.Dial("tcp", b.server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(rawTimeout)); err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(conn, text) // reading reports what is wrong
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		t.Error(err)
	}
	return line
}

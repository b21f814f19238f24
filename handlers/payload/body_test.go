package payload

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/millrace/millrace/handlers/resource"
)

// brokenAfter is a source whose connection breaks after a text.
func brokenAfter(text string) *source {
	return &source{reader: io.MultiReader(strings.NewReader(text), iotest.ErrReader(io.ErrUnexpectedEOF))}
}

func TestMediaTypes(t *testing.T) {
	t.Parallel()
	for contentType, want := range map[string]string{
		"application/json; charset=utf-8": resource.MediaJSON,
		"APPLICATION/X-NPY":               resource.MediaNPY,
		"application/octet-stream":        resource.MediaNPY,
		"multipart/form-data; boundary=x": resource.MediaMultipart,
		"text/plain":                      "",
		"":                                "",
		"nonsense nonsense":               "",
	} {
		b, err := openBody(contentType, "")
		switch {
		case want == "" && !errors.Is(err, ErrMediaType):
			t.Errorf("Open() of %q: error %v, want ErrMediaType", contentType, err)
		case want != "" && (err != nil || b.mediaType != want):
			t.Errorf("Open() of %q: error %v, want media type %s", contentType, err, want)
		}
	}
}

// TestFingerprint: bodies have the same fingerprint when they say the same, and only then.
func TestFingerprint(t *testing.T) {
	t.Parallel()
	form := func(boundary, name, content string) string {
		return fmt.Sprintf("--%s\r\nContent-Disposition: form-data; name=%s\r\n\r\n%s\r\n--%[1]s--", boundary, name, content)
	}
	fingerprint := func(contentType, text string, read func(*Body) error) []byte {
		t.Helper()
		b := bodyOf(contentType, text)
		if err := read(b); err != nil {
			t.Fatal(err)
		}
		return b.Fingerprint()
	}
	drain := func(b *Body) error { return b.Drain() }
	first := fingerprint(resource.MediaMultipart+"; boundary=x", form("x", "a", "123"), drain)
	for _, c := range []struct {
		contentType, text string
		same              bool
	}{
		{resource.MediaMultipart + "; boundary=x", form("x", "a", "123"), true},
		{resource.MediaMultipart + "; boundary=another", form("another", "a", "123"), true},
		{resource.MediaMultipart + "; boundary=x", form("x", "b", "123"), false},
		{resource.MediaMultipart + "; boundary=x", form("x", "a", "124"), false},
		{resource.MediaJSON, form("x", "a", "123"), false},
	} {
		if got := bytes.Equal(fingerprint(c.contentType, c.text, drain), first); got != c.same {
			t.Errorf("%s %q has the first fingerprint: %t, want %t", c.contentType, c.text, got, c.same)
		}
	}
	text := `{"random": {"rows": 1, "cols": 1}}`
	read := fingerprint(resource.MediaJSON, text, func(b *Body) error {
		_, err := ReadMatrix(t.Context(), b, smallIntake())
		return errors.Join(err, b.Verify())
	})
	if drained := fingerprint(resource.MediaJSON, text, drain); !bytes.Equal(read, drained) {
		t.Errorf("the fingerprint is %x when the body is read, %x when it is drained", read, drained)
	}
}

func TestVerify(t *testing.T) {
	t.Parallel()
	const text = "[[1]]"
	sum := sha256.Sum256([]byte(text))
	for header, ok := range map[string]bool{
		"sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":":           true,
		"sha-256=:" + base64.StdEncoding.EncodeToString(make([]byte, 32)) + ":": false,
		"md5=:AAAA:": true,
	} {
		for name, verify := range map[string]func(*Body) error{"Verify": (*Body).Verify, "Drain": (*Body).Drain} {
			b, err := openBody(resource.MediaJSON, text, "Content-Digest", header)
			if err != nil {
				t.Fatal(err)
			}
			if err := verify(b); (err == nil) != ok || err != nil && !errors.Is(err, ErrBadRequest) {
				t.Errorf("%s() with %s: error %v, want ErrBadRequest: %t", name, header, err, !ok)
			}
		}
	}
}

func TestNilBody(t *testing.T) {
	t.Parallel()
	var b *Body
	if err := errors.Join(b.Drain(), b.Verify()); err != nil || b.Fingerprint() != nil {
		t.Errorf("a nil body: error %v, fingerprint %x, want none", err, b.Fingerprint())
	}
}

// TestBodyErrorsNameNoAddress: what clients read of a connection that stalls or breaks is without the addresses of the
// server and of proxies.
func TestBodyErrorsNameNoAddress(t *testing.T) {
	t.Parallel()
	for name, breaks := range map[string]func(server *net.TCPConn, client net.Conn){
		"stalls": func(server *net.TCPConn, _ net.Conn) { _ = server.SetReadDeadline(time.Now()) },
		"breaks": func(_ *net.TCPConn, client net.Conn) {
			_ = client.(*net.TCPConn).SetLinger(0) // so that Close resets it
			_ = client.Close()
		},
		"ends": func(server *net.TCPConn, _ net.Conn) { _ = server.Close() },
	} {
		listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		client, err := new(net.Dialer).DialContext(t.Context(), "tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		server, err := listener.Accept()
		if err != nil {
			t.Fatal(err)
		}
		breaks(server.(*net.TCPConn), client)
		src := &source{reader: server}
		_, err = io.ReadAll(src)
		if err == nil || strings.Contains(err.Error(), "127.0.0.1") {
			t.Errorf("%s: error %v, want one without addresses", name, err)
		}
		if want := name == "stalls"; errors.Is(err, os.ErrDeadlineExceeded) != want || errors.Is(err, ErrBadRequest) == want {
			t.Errorf("%s: error %v, want a stall: %t", name, err, want)
		}
		for _, c := range []io.Closer{listener, client, server} {
			_ = c.Close()
		}
	}
}

// TestPartHeads: the headers of the parts of a form are bounded, together, before they are in memory.
func TestPartHeads(t *testing.T) {
	t.Parallel()
	const kind = resource.MediaMultipart + "; boundary=x"
	part := func(name string, heads int) string {
		return "--x\r\nContent-Disposition: form-data; name=" + name + "\r\nX: " + strings.Repeat("x", heads) + "\r\n\r\n" +
			strings.Repeat("content", 5000) + "\r\n"
	}
	for name, test := range map[string]struct {
		body string
		good bool
	}{
		"small":               {part("a", 1000) + part("b", 1000) + "--x--", true},
		"15 KiB":              {part("a", 15<<10) + part("b", 100) + "--x--", true},
		"17 KiB":              {part("a", 17<<10) + "--x--", false},
		"17 KiB in two parts": {part("a", 9<<10) + part("b", 8<<10) + "--x--", false},
		"without end":         {"--x\r\nX: " + strings.Repeat("x", 4<<20), false},
		"many fields":         {"--x\r\n" + strings.Repeat("X:y\r\n", 100_000), false},
		"before the first":    {strings.Repeat("x\r\n", 1<<20) + part("a", 10) + "--x--", false},
	} {
		text := strings.NewReader(test.body)
		b := bodyOf(kind, "")
		src := &source{reader: text}
		b.form = newForm(src, "x", src, nil)
		var err error
		for part, e := range b.form.parts() {
			if err = e; e == nil {
				_, err = io.Copy(io.Discard, part)
			}
		}
		if good := err == nil; good != test.good || !good && !errors.Is(err, ErrBadRequest) {
			t.Errorf("%s: error %v, want success: %t", name, err, test.good)
		}
		if read := len(test.body) - text.Len(); !test.good && read > 64<<10 {
			t.Errorf("%s: %d bytes were read, want less than 64 KiB", name, read)
		}
	}
}

package payload

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

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

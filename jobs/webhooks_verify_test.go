package jobs_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/webhook"
)

// verify is the example of docs/webhooks.md.
func verify(secrets []string, header http.Header, body []byte, now time.Time) error {
	sent, err := strconv.ParseInt(header.Get("webhook-timestamp"), 10, 64)
	if err != nil || now.Sub(time.Unix(sent, 0)).Abs() > 5*time.Minute {
		return errors.New("the message is old, or none")
	}
	for _, secret := range secrets {
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
		if err != nil {
			return err
		}
		mac := hmac.New(sha256.New, key)
		fmt.Fprintf(mac, "%s.%d.%s", header.Get("webhook-id"), sent, body)
		want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
		for _, signature := range strings.Fields(header.Get("webhook-signature")) {
			if hmac.Equal([]byte(signature), []byte(want)) {
				return nil
			}
		}
	}
	return errors.New("no signature is by a secret of ours")
}

// example returns the example of docs/webhooks.md in a language.
func example(t *testing.T, language string) string {
	t.Helper()
	text, err := os.ReadFile("../docs/webhooks.md")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("(?s)```" + language + "\n(.*?)```").FindSubmatch(text)
	if found == nil {
		t.Fatalf("docs/webhooks.md has no example in %s", language)
	}
	return string(found[1])
}

// TestVerifyingExamples: the examples take what was sent, and nothing else.
func TestVerifyingExamples(t *testing.T) {
	b := setup(t)
	r := receive(t)
	_, secret := b.hook(r.URL)
	b.submit(b.leads(), 3, 2, 3)
	m := r.next(t)
	source, err := os.ReadFile("webhooks_verify_test.go")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(source), example(t, "go")) {
		t.Error("the example in Go is not the function that the tests use")
	}
	run := func(program, argument, script string) func(string, http.Header, []byte, time.Time) error {
		return func(secret string, header http.Header, body []byte, now time.Time) error {
			c := exec.CommandContext(t.Context(), program, argument, script)
			c.Stdin = strings.NewReader(string(body))
			c.Env = append(os.Environ(), "SECRET="+secret, "NOW="+strconv.FormatInt(now.Unix(), 10),
				"ID="+header.Get("webhook-id"), "TIMESTAMP="+header.Get("webhook-timestamp"),
				"SIGNATURES="+header.Get("webhook-signature"))
			return c.Run()
		}
	}
	const python = "\nimport os, sys\nheaders = {'webhook-' + h.lower(): os.environ[h + s] for h, s in " +
		"(('ID', ''), ('TIMESTAMP', ''), ('SIGNATURE', 'S'))}\n" +
		"sys.exit(not verify([os.environ['SECRET']], headers, sys.stdin.buffer.read(), float(os.environ['NOW'])))\n"
	for language, verify := range map[string]func(string, http.Header, []byte, time.Time) error{
		"go": func(secret string, header http.Header, body []byte, now time.Time) error {
			return verify([]string{secret}, header, body, now)
		},
		"python": run("python3", "-c", example(t, "python")+python),
		"sh":     run("bash", "-c", example(t, "sh")),
	} {
		now := time.Now()
		if err := verify(secret.Text(), m.header, m.body, now); err != nil {
			t.Errorf("%s: %v of what was sent, want that it is taken", language, err)
		}
		forged := m.header.Clone()
		forged.Set("webhook-id", "another")
		for what, err := range map[string]error{
			"a message by another secret": verify(webhook.NewSecret().Text(), m.header, m.body, now),
			"another body":                verify(secret.Text(), m.header, append([]byte(" "), m.body...), now),
			"another id":                  verify(secret.Text(), forged, m.body, now),
			"an old message":              verify(secret.Text(), m.header, m.body, now.Add(time.Hour)),
		} {
			if err == nil {
				t.Errorf("%s: %s is taken", language, what)
			}
		}
	}
}

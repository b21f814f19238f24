// Package webhook sends messages to receivers that clients have chosen, as https://www.standardwebhooks.com describes
// it: signed, small, and only to addresses that may be called. It knows neither a database nor a queue.
package webhook

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// SecretPrefix begins the text of each secret.
const SecretPrefix = "whsec_"

// secretBytes is the length of a new secret. The specification asks for 24 to 64 bytes.
const secretBytes = 32

// Secret is what a receiver and Millrace share: the key of the signatures.
type Secret []byte

// NewSecret returns a new secret.
func NewSecret() Secret {
	s := make(Secret, secretBytes)
	_, _ = rand.Read(s) // it never fails
	return s
}

// Text returns the secret as receivers are given it.
func (s Secret) Text() string { return SecretPrefix + base64.StdEncoding.EncodeToString(s) }

// sign returns the signature of a message that is sent at a time.
func (s Secret) sign(id string, at time.Time, body []byte) string {
	mac := hmac.New(sha256.New, s)
	fmt.Fprintf(mac, "%s.%d.", id, at.Unix())
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// Message tells a receiver what has become of a multiplication. It has no contents: the receiver asks for these.
type Message struct {
	ID             uuid.UUID // of the delivery, the same in each attempt
	Multiplication uuid.UUID
	State          string // in which it has ended
	At             time.Time
}

// Type returns what has happened, as the body says it.
func (m Message) Type() string { return "multiplication." + m.State }

// body is the JSON of a message.
type body struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      data      `json:"data"`
}

type data struct {
	ID    uuid.UUID `json:"id"`
	State string    `json:"state"`
	Links links     `json:"links"`
}

type links struct {
	Self   string `json:"self"`
	Result string `json:"result,omitempty"`
}

// Body returns the JSON of the message. It is the same in each attempt.
func (m Message) Body() []byte {
	self := "/v1/multiplications/" + m.Multiplication.String()
	b := body{
		Type:      m.Type(),
		Timestamp: m.At.UTC(),
		Data: data{
			ID:    m.Multiplication,
			State: m.State,
			Links: links{Self: self},
		},
	}
	if m.State == "completed" {
		b.Data.Links.Result = self + "/result"
	}
	text, err := json.Marshal(b)
	if err != nil {
		panic(err) // ids, texts and a time of this millennium
	}
	return text
}

// header returns the header of a message that is sent at a time, with a signature by each secret.
func (m Message) header(at time.Time, text []byte, secrets []Secret) http.Header {
	signatures := make([]string, len(secrets))
	for i, s := range secrets {
		signatures[i] = s.sign(m.ID.String(), at, text)
	}
	return http.Header{
		"Content-Type":      {"application/json"},
		"User-Agent":        {"Millrace-Webhook"},
		"Webhook-Id":        {m.ID.String()},
		"Webhook-Timestamp": {strconv.FormatInt(at.Unix(), 10)},
		"Webhook-Signature": {strings.Join(signatures, " ")},
	}
}

// MaxURL is the length of the longest address of a receiver.
const MaxURL = 2000

// CheckURL returns what is wrong with the address of a receiver, or nil.
func CheckURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case len(text) > MaxURL:
		return fmt.Errorf("the url has %d bytes, at most %d are accepted", len(text), MaxURL)
	case err != nil:
		return fmt.Errorf("the url cannot be read: it must be like https://example.com/hooks")
	case u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.Opaque != "":
		return fmt.Errorf("the url must begin with https:// and a host, or with http:// in a network that is allowed")
	case u.User != nil:
		return fmt.Errorf("the url must have no user and password: it is shown in lists")
	case u.Fragment != "":
		return fmt.Errorf("the url must have no fragment: it would not be sent")
	}
	return nil
}

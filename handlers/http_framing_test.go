package handlers_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// closes reports whether the server closes the connection after its response, without another one.
func (c *rawConn) closes() bool {
	_, err := c.reader.ReadByte()
	return errors.Is(err, io.EOF)
}

// framingRule is what a server does with a message that begins a connection.
type framingRule struct {
	rule    string
	message string
	status  int
	closes  bool // whether it must close the connection
}

// framingRules are rules of RFC 9112 and RFC 9110, by section.
func framingRules() []framingRule {
	const get = "GET /v1/overview HTTP/1.1\r\n"
	const host = "Host: 127.0.0.1\r\n"
	body := `{"values": [[1]]}`
	post := "POST /v1/matrices HTTP/1.1\r\n" + host + "Content-Type: application/json\r\n"
	length := fmt.Sprintf("Content-Length: %d\r\n", len(body))
	chunked := post + "Transfer-Encoding: chunked\r\n\r\n"
	whole := fmt.Sprintf("%x\r\n%s\r\n0\r\n", len(body), body)
	const ok, created, bad = http.StatusOK, http.StatusCreated, http.StatusBadRequest
	return []framingRule{
		{"2.2: SHOULD ignore an empty line before the request-line; net/http refuses it", "\r\n" + get + host + "\r\n", bad, true},
		{"2.2: a recipient MAY recognize a single LF as a line terminator", strings.ReplaceAll(get+host+"\r\n", "\r", ""), ok, false},
		{"2.3: HTTP-name is case-sensitive", "GET / http/1.1\r\n" + host + "\r\n", bad, true},
		{"9110 15.6.6: does not support the major version of HTTP", "GET / HTTP/3.0\r\n" + host + "\r\n", 505, true},
		{"3: invalid request-line SHOULD respond with 400", "GET  /\r\n" + host + "\r\n", bad, true},
		{"3: no whitespace is allowed in the components", "GET /a b HTTP/1.1\r\n" + host + "\r\n", bad, true},
		{"9110 9.1: the method token is case-sensitive", "get /v1/overview HTTP/1.1\r\n" + host + "\r\n", 405, false},
		{"3.2: MUST respond with 400 to any HTTP/1.1 request message that lacks a Host", get + "\r\n", bad, true},
		{"3.2: and to any that contains more than one Host", get + host + host + "\r\n", bad, true},
		{"3.2: or a Host with an invalid field value", get + "Host: a b\r\n\r\n", bad, true},
		{"3.2.2: a server MUST accept the absolute-form in requests", "GET http://127.0.0.1/v1/overview HTTP/1.1\r\n" + host + "\r\n", ok, false},
		{
			"3.2.2: MUST ignore the received Host and use the host of the request-target",
			"GET http://127.0.0.1/v1/overview HTTP/1.1\r\nHost: other.example\r\n\r\n", ok, false,
		},
		{"9110 9.3.6: an origin server may refuse CONNECT", "CONNECT 127.0.0.1:80 HTTP/1.1\r\n" + host + "\r\n", 404, false},
		{"5.1: whitespace between a field name and colon: 400", get + host + "Accept : */*\r\n\r\n", bad, true},
		{"5.2: obs-fold: reject by sending a 400, or replace it", get + host + "Accept: */*,\r\n text/html\r\n\r\n", ok, false},
		{"9110 5.5: NUL in a field value: reject or replace", get + host + "X: a\x00b\r\n\r\n", bad, true},
		{"9110 5.6.2: a field name is a token", get + host + "X(y): 1\r\n\r\n", bad, true},
		{"6589/5: fields that are too large", get + host + "X: " + strings.Repeat("x", 2<<20) + "\r\n\r\n", 431, true},
		{"6.1: a transfer coding it does not understand SHOULD respond with 501", post + "Transfer-Encoding: gzip\r\n\r\n", 501, true},
		{"6.1: the same, before chunked", post + "Transfer-Encoding: gzip, chunked\r\n\r\n" + whole + "\r\n", 501, true},
		{"6.1: chunked not the final encoding MUST respond with 400 or 501", post + "Transfer-Encoding: chunked, gzip\r\n\r\n", 501, true},
		{"6.1: MUST NOT apply chunked more than once", post + "Transfer-Encoding: chunked, chunked\r\n\r\n" + whole + "\r\n", 501, true},
		{"6.1: Transfer-Encoding in HTTP/1.0 is faulty framing", strings.Replace(chunked, "1.1", "1.0", 1) + whole + "\r\n", bad, true},
		{
			"6.1: the same with a connection that would persist: close it",
			strings.Replace(post, "1.1", "1.0", 1) + "Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n" + whole + "\r\n",
			bad, true,
		},
		{"6.2: invalid Content-Length MUST respond with 400", post + "Content-Length: x\r\n\r\n", bad, true},
		{"6.2: a sign is invalid", post + "Content-Length: +17\r\n\r\n" + body, bad, true},
		{"6.2: negative", post + "Content-Length: -1\r\n\r\n", bad, true},
		{"6.3: several lengths that differ", post + length + "Content-Length: 1\r\n\r\n" + body, bad, true},
		{"6.3: several lengths that are the same may be one", post + length + length + "\r\n" + body, created, false},
		{"6.3: without either, the length is zero", post + "\r\n", bad, false},
		{"7.1: a chunked body, whose connection is not used again", chunked + whole + "\r\n", created, true},
		{"7.1: the coding name is case-insensitive", strings.Replace(chunked, "chunked", "Chunked", 1) + whole + "\r\n", created, true},
		{"7.1.1: MUST ignore unrecognized chunk extensions", chunked + strings.Replace(whole, "\r\n", ";a=b;c\r\n", 1) + "\r\n", created, true},
		{"7.1.2: trailer fields MAY be discarded", chunked + whole + "X: y\r\n\r\n", created, true},
		{"7.1: the chunk size is hexadecimal", chunked + "17\r\n" + body + "\r\n0\r\n\r\n\r\n", bad, true},
		{"7.1: no size", chunked + "x\r\n" + body + "\r\n0\r\n\r\n", bad, true},
		{"7.1: a size that is too large", chunked + "11111111111111111\r\n" + body, bad, true},
		{"7.1: no CRLF after a chunk", chunked + fmt.Sprintf("%x\r\n%s0\r\n\r\n", len(body), body), bad, true},
		{"9.3: HTTP/1.0 closes", "GET /v1/overview HTTP/1.0\r\n\r\n", ok, true},
		{"9.6: MUST close after the response to a request with the close option", get + host + "Connection: close\r\n\r\n", ok, true},
		{"9.3: otherwise the connection persists", get + host + "\r\n", ok, false},
	}
}

// TestFraming: each malformed message gets a status, and its connection ends where the next message cannot be found.
func TestFraming(t *testing.T) {
	t.Parallel()
	s := setupRaw(t)
	for _, rule := range framingRules() {
		c := s.connect(t)
		if _, err := io.WriteString(c, rule.message); err != nil {
			t.Errorf("%s: %v", rule.rule, err)
			continue
		}
		method, _, _ := strings.Cut(strings.TrimSpace(rule.message), " ")
		a, err := c.response(method)
		if err != nil || a.StatusCode != rule.status {
			t.Errorf("%s: status %s, %v, want %d: %.200s", rule.rule, a.Status, err, rule.status, a.body)
			continue
		}
		if rule.closes {
			if !c.closes() {
				t.Errorf("%s: the connection stays open, want it closed", rule.rule)
			}
			continue
		}
		_, _ = io.WriteString(c, "GET /v1/overview HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n") // the response tells
		if a, err := c.response(http.MethodGet); err != nil || a.StatusCode != http.StatusOK {
			t.Errorf("%s: then status %s, %v, want 200 on the same connection", rule.rule, a.Status, err)
		}
	}
}

// TestBothLengths: a request with Content-Length and Transfer-Encoding is an attempt to smuggle another one in. It is
// rejected, or the second counts, and "the server MUST close the connection after responding" (RFC 9112, 6.1).
func TestBothLengths(t *testing.T) {
	t.Parallel()
	s := setupRaw(t)
	body := `{"values": [[1]]}`
	for _, lengths := range []string{
		"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "Transfer-Encoding: chunked\r\nContent-Length: 100\r\n",
	} {
		c := s.connect(t)
		_, _ = fmt.Fprintf(c, "POST /v1/matrices HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n%s\r\n%x\r\n%s\r\n"+
			"0\r\n\r\nGET /v1/overview HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", lengths, len(body), body)
		a, err := c.response(http.MethodPost)
		if err != nil || a.StatusCode != http.StatusCreated && a.StatusCode != http.StatusBadRequest {
			t.Errorf("%q: status %s, %v, want 201 or 400", lengths, a.Status, err)
		}
		if !c.closes() {
			t.Errorf("%q: the connection stays open, want it closed", lengths)
		}
	}
}

// TestPipelining: "a server [...] MUST send the corresponding responses in the same order" (RFC 9112, 9.3.2).
func TestPipelining(t *testing.T) {
	t.Parallel()
	s := setupRaw(t)
	body := `{"values": [[1]]}`
	c := s.connect(t)
	requests := []struct {
		text   string
		status int
	}{
		{rawRoute{http.MethodGet, "/v1/overview"}.head(), http.StatusOK},
		{
			rawRoute{http.MethodPost, "/v1/matrices"}.head("Content-Type: "+jsonType,
				fmt.Sprintf("Content-Length: %d", len(body))) + body,
			http.StatusCreated,
		},
		{rawRoute{http.MethodHead, "/v1/overview"}.head(), http.StatusOK},
		{rawRoute{http.MethodPost, "/v1/matrices"}.head("Content-Type: text/plain", "Content-Length: 5") + "12345", 415},
		{rawRoute{http.MethodDelete, "/v1/matrices/x"}.head(), http.StatusNotFound},
		{rawRoute{http.MethodGet, "/docs/"}.head("Connection: close"), http.StatusOK},
	}
	var all strings.Builder
	for _, r := range requests {
		all.WriteString(r.text)
	}
	_, _ = io.WriteString(c, all.String()) // reading tells what is wrong
	for _, r := range requests {
		method, _, _ := strings.Cut(r.text, " ")
		if a, err := c.response(method); err != nil || a.StatusCode != r.status {
			t.Fatalf("%.60q: status %s, %v, want %d", r.text, a.Status, err, r.status)
		}
	}
	if !c.closes() {
		t.Error("the connection stays open after the last response, want it closed")
	}
}

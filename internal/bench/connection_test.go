package bench_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"time"
)

// connection sends prepared requests and reads as much of the responses as a measurement needs: a general client takes
// more CPU time for a request than the services that are measured.
type connection struct {
	net  net.Conn
	in   *bufio.Reader
	body []byte // of the last response
}

// requestTimeout bounds one request.
const requestTimeout = time.Minute

// dial connects to the service at a base URL.
func dial(base string) (*connection, error) {
	u, err := url.Parse(base)
	if err != nil {
		return nil, err
	}
	conn, err := net.DialTimeout("tcp", u.Host, requestTimeout)
	if err != nil {
		return nil, err
	}
	return &connection{net: conn, in: bufio.NewReader(conn)}, nil
}

func (c *connection) close() { _ = c.net.Close() }

// request returns a whole request, for any number of calls of do.
func request(base, method, path, prefer string, body []byte) []byte {
	u, _ := url.Parse(base) // dial has parsed it
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s%s HTTP/1.1\r\nHost: %s\r\nAccept: application/json\r\n", method, u.Path, path, u.Host)
	if prefer != "" {
		fmt.Fprintf(&b, "Prefer: %s\r\n", prefer)
	}
	if body != nil {
		fmt.Fprintf(&b, "Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	b.WriteString("\r\n")
	b.Write(body)
	return b.Bytes()
}

// do sends a request and returns the status and the body of the response. The body is valid until the next call.
func (c *connection) do(request []byte) (status int, body []byte, err error) {
	if _, err := c.net.Write(request); err != nil {
		return 0, nil, err
	}
	line, err := c.in.ReadSlice('\n')
	if err != nil {
		return 0, nil, err
	}
	if len(line) < len("HTTP/1.1 200") {
		return 0, nil, fmt.Errorf("not a status line: %q", line)
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, nil, fmt.Errorf("not a status line: %q", line)
	}
	length, err := c.head()
	if err != nil {
		return status, nil, err
	}
	if length < 0 {
		err = c.chunks()
		return status, c.body, err
	}
	if cap(c.body) < length {
		c.body = make([]byte, length)
	}
	c.body = c.body[:length]
	_, err = io.ReadFull(c.in, c.body)
	return status, c.body, err
}

var (
	contentLength = []byte("content-length:")
	chunked       = []byte("transfer-encoding: chunked")
)

// head reads the header fields of a response, and returns the length of its body, -1 if that comes in chunks.
func (c *connection) head() (length int, err error) {
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		line = bytes.TrimRight(line, "\r\n")
		switch {
		case len(line) == 0:
			return length, nil
		case len(line) > len(contentLength) && bytes.EqualFold(line[:len(contentLength)], contentLength):
			if length, err = strconv.Atoi(string(bytes.TrimSpace(line[len(contentLength):]))); err != nil {
				return 0, fmt.Errorf("not a length: %q", line)
			}
		case bytes.EqualFold(line, chunked):
			length = -1
		}
	}
}

// chunks reads a body that comes in chunks.
func (c *connection) chunks() error {
	c.body = c.body[:0]
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return err
		}
		size, err := strconv.ParseUint(string(bytes.TrimSpace(line)), 16, 32)
		if err != nil {
			return fmt.Errorf("not the size of a chunk: %q", line)
		}
		from := len(c.body)
		c.body = append(c.body, make([]byte, size)...)
		if _, err := io.ReadFull(c.in, c.body[from:]); err != nil {
			return err
		}
		if end, err := c.in.ReadSlice('\n'); err != nil || len(bytes.TrimSpace(end)) > 0 {
			return errors.Join(err, errors.New("a chunk does not end as it should"))
		}
		if size == 0 {
			return nil
		}
	}
}

// member returns the string that a member of a JSON object has, the first of this name; nil if there is none.
func member(body []byte, name string) []byte {
	_, after, found := bytes.Cut(body, []byte(`"`+name+`":`))
	if !found {
		return nil
	}
	after = bytes.TrimLeft(after, " ")
	if len(after) == 0 || after[0] != '"' {
		return nil
	}
	value, _, found := bytes.Cut(after[1:], []byte(`"`))
	if !found {
		return nil
	}
	return value
}

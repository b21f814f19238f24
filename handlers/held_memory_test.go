package handlers

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/handlers/payload"
	"github.com/millrace/millrace/handlers/resource"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/npy"
)

// wideFile returns the beginning of a .npy file of wide rows, of which an upload holds 34 MiB, and the size of the file.
func wideFile() (beginning string, size int64) {
	shape := matrix.Shape{
		Rows:  1000,
		Cols:  65_536,
		DType: matrix.Float64,
	}
	header := npy.AppendHeader(nil, shape)
	return string(header) + strings.Repeat("x", 100_000), int64(len(header)) + shape.Bytes()
}

// sendSlowly sends 4 KB a second until the connection is closed.
func sendSlowly(conn net.Conn) {
	for {
		time.Sleep(100 * time.Millisecond) // the client is slow: that is what the test is about
		if _, err := conn.Write(make([]byte, 400)); err != nil {
			return
		}
	}
}

// TestSlowUploadsGiveWay: slow uploads that hold the memory of large ones end when another upload needs it; small
// uploads, submissions and downloads do not wait for that.
func TestSlowUploadsGiveWay(t *testing.T) {
	t.Parallel()
	server, s := serveAPI(t, payload.StallTimeout)
	const clients = 2 // more do not get the memory that they ask for
	beginning, size := wideFile()
	statuses := make(chan int, clients)
	for range clients {
		conn := dial(t, server, fmt.Sprintf(
			"POST /v1/matrices HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-npy\r\nContent-Length: %d\r\n\r\n%s",
			size, beginning))
		go sendSlowly(conn)
		go func() {
			response, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				statuses <- 0
				return
			}
			_ = response.Body.Close()
			statuses <- response.StatusCode
		}()
	}
	for limit := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		var uploading int
		const sql = "SELECT count(*) FROM matrices WHERE state = 'uploading'"
		if err := s.Pool.QueryRow(t.Context(), sql).Scan(&uploading); err != nil {
			t.Fatal(err)
		}
		if uploading == clients {
			break
		}
		if time.Now().After(limit) {
			t.Fatalf("%d uploads have begun, want %d", uploading, clients)
		}
	}
	post := func(path, kind string, body []byte) *http.Response {
		response, err := http.Post(server.URL+path, kind, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		return response
	}
	small := post("/v1/matrices", resource.MediaJSON, []byte(`[[1, 2], [3, 4]]`))
	random := post("/v1/matrices", resource.MediaJSON, []byte(`{"random": {"rows": 5000, "cols": 5000}}`))
	if small.StatusCode != http.StatusCreated || random.StatusCode != http.StatusCreated {
		t.Fatalf("small matrices: %s and %s, want 201", small.Status, random.Status)
	}
	response, err := http.Get(server.URL + random.Header.Get("Location") + "/content?rows=0:1000")
	if err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, response.Body)
	_ = response.Body.Close()
	if err != nil || response.StatusCode != http.StatusOK {
		t.Errorf("a download: %s, %d bytes, %v, want 200", response.Status, n, err)
	}
	select {
	case status := <-statuses:
		t.Errorf("a slow upload has ended with %d, before another one needed its memory", status)
	default:
	}
	shape := matrix.Shape{
		Rows:  64,
		Cols:  65_536,
		DType: matrix.Float64,
	}
	file := append(npy.AppendHeader(nil, shape), make([]byte, shape.Bytes())...)
	if large := post("/v1/matrices", resource.MediaNPY, file); large.StatusCode != http.StatusCreated {
		t.Errorf("a large upload: %s, want 201", large.Status)
	}
	if status := <-statuses; status != http.StatusRequestTimeout {
		t.Errorf("a slow upload: %d, want 408", status)
	}
}

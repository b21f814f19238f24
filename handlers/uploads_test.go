package handlers_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

const partType = "application/partial-upload"

// begin begins an upload that goes on, and returns its path.
func (b *testBundle) begin(t *testing.T, length int, headers ...string) string {
	t.Helper()
	headers = append([]string{"Content-Type", npyType, "Upload-Complete", "?0", "Upload-Length", strconv.Itoa(length)},
		headers...)
	a := b.do(t, http.MethodPost, "/v1/matrices", nil, headers...).want(t, http.StatusAccepted)
	if got := a.Header.Get("Upload-Offset") + a.Header.Get("Upload-Complete"); got != "0?0" {
		t.Errorf("an upload begins with Upload-Offset and Upload-Complete %q, want 0 and ?0", got)
	}
	if limit := a.Header.Get("Upload-Limit"); !strings.Contains(limit, "max-age=3") {
		t.Errorf("Upload-Limit: %q, want an hour", limit)
	}
	return a.Header.Get("Location")
}

// appendTo sends a part of a file.
func (b *testBundle) appendTo(t *testing.T, path string, offset int, body []byte, last bool, headers ...string) received {
	t.Helper()
	complete := "?0"
	if last {
		complete = "?1"
	}
	headers = append([]string{
		"Content-Type", partType, "Upload-Offset", strconv.Itoa(offset), "Upload-Complete", complete,
	}, headers...)
	return b.do(t, http.MethodPatch, path, bytes.NewReader(body), headers...)
}

// cut begins to send the rest of a file, and cuts the connection after some of it. It returns when the API has noticed.
func (b *testBundle) cut(t *testing.T, path string, offset int, some []byte, left int) {
	t.Helper()
	conn, err := net.Dial("tcp", b.server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	head := fmt.Sprintf("PATCH %s HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nUpload-Offset: %d\r\nUpload-Complete: ?1\r\n"+
		"Content-Length: %d\r\n\r\n", path, partType, offset, len(some)+left)
	if _, err := conn.Write(append([]byte(head), some...)); err != nil {
		t.Fatal(err)
	}
	b.untilHeld(t, path, true)
	_ = conn.Close()
	b.untilHeld(t, path, false)
}

// untilHeld waits until a request appends to an upload, or until none does.
func (b *testBundle) untilHeld(t *testing.T, path string, held bool) {
	t.Helper()
	for is := !held; is != held; time.Sleep(5 * time.Millisecond) {
		const query = `SELECT coalesce(held_until > now(), false) FROM uploads WHERE id = $1`
		if err := b.store.Pool.QueryRow(t.Context(), query, path[len("/v1/uploads/"):]).Scan(&is); err != nil {
			t.Fatal(err)
		}
	}
}

// offset asks where an upload goes on.
func (b *testBundle) offset(t *testing.T, path string) int {
	t.Helper()
	a := b.do(t, http.MethodHead, path, nil).want(t, http.StatusNoContent)
	n, err := strconv.Atoi(a.Header.Get("Upload-Offset"))
	if err != nil || a.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("HEAD %s: %v, %v", path, a.Header, err)
	}
	return n
}

// intFile returns a .npy file of integers, and the matrix that it is.
func intFile(rows, cols int64) ([]byte, elements) {
	e := newElements(rows, cols)
	var content []byte
	for i := range rows * cols {
		e.data = append(e.data, float64(i*7%1000-500))
		content = binary.LittleEndian.AppendUint16(content, uint16(int16(i*7%1000-500)))
	}
	return npyFile("<i2", "False", fmt.Sprintf("(%d, %d)", rows, cols), content), e
}

// TestUploadGoesOn: an upload that breaks, again and again, goes on at another API behind what has come before, and
// becomes the same matrix as one that does not break.
func TestUploadGoesOn(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true, files: true})
	other := b.replica(t)
	apis := []*testBundle{b, other}
	ints, ofInts := intFile(1400, 700)
	rows, columns := someElements(600, 1024), someElements(600, 500)
	long := newElements(1, 2_200_000) // in blocks of one row
	long.data = someElements(2200, 1000).data
	long = long.float32()
	for name, c := range map[string]struct {
		file []byte
		want elements
	}{
		"rows":      {rows.npy(), rows},
		"columns":   {columns.fortran(), columns},
		"integers":  {ints, ofInts},
		"long rows": {long.npy(), long},
	} {
		t.Run(name, func(t *testing.T) {
			sum := sha256.Sum256(c.file)
			path := b.begin(t, len(c.file), "Repr-Digest", "sha-256=:"+base64.StdEncoding.EncodeToString(sum[:])+":")
			size := len(c.file)
			for i, end := range []int{5, 1000, size / 3, size / 2, size - 1} {
				at := other.offset(t, path)
				if end < at {
					continue
				}
				apis[i%2].cut(t, path, at, c.file[at:end], size-end)
			}
			at := other.offset(t, path)
			if at < size/4 || at >= size {
				t.Fatalf("the upload goes on at byte %d of %d", at, size)
			}
			a := other.appendTo(t, path, at, c.file[at:], true).want(t, http.StatusCreated)
			if a.Header.Get("Upload-Complete") != "?1" {
				t.Errorf("Upload-Complete is %q, want ?1", a.Header.Get("Upload-Complete"))
			}
			b.checkMatrix(t, a, c.want, "upload")
			state := b.do(t, http.MethodHead, path, nil).want(t, http.StatusNoContent)
			if state.Header.Get("Upload-Complete") != "?1" || state.Header.Get("Upload-Offset") != strconv.Itoa(size) {
				t.Errorf("the upload is complete, HEAD returns %v", state.Header)
			}
			b.appendTo(t, path, size, nil, true).want(t, http.StatusConflict)
		})
	}
}

// TestUploadInParts: parts that are sent one after the other become a matrix, also when the last one is empty, and the
// first one comes with the request that begins the upload.
func TestUploadInParts(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	e := someElements(700, 1024)
	file := e.npy()
	first := 128 + 256*1024*8
	begun := b.do(t, http.MethodPost, "/v1/matrices", bytes.NewReader(file[:first]), "Content-Type", npyType,
		"Upload-Complete", "?0", "Upload-Length", strconv.Itoa(len(file))).want(t, http.StatusAccepted)
	path := begun.Header.Get("Location")
	if got := begun.Header.Get("Upload-Offset"); got != strconv.Itoa(first) {
		t.Fatalf("Upload-Offset after the first part is %s, want %d", got, first)
	}
	a := b.appendTo(t, path, first, file[first:], false).want(t, http.StatusNoContent)
	if got := a.Header.Get("Upload-Offset") + a.Header.Get("Upload-Complete"); got != strconv.Itoa(len(file))+"?0" {
		t.Errorf("Upload-Offset and Upload-Complete are %q, want all and ?0", got)
	}
	b.checkMatrix(t, b.appendTo(t, path, len(file), nil, true).want(t, http.StatusCreated), e, "upload")
}

// TestUploadConflicts: what does not fit to an upload is refused, and nothing of the upload is lost.
func TestUploadConflicts(t *testing.T) {
	t.Parallel()
	b := setupTenants(t, options{idle: true})
	e := someElements(700, 1024)
	file := e.npy()
	path := b.begin(t, len(file))

	a := b.appendTo(t, path, 1000, file[1000:], true).want(t, http.StatusConflict)
	if !strings.Contains(string(a.body), `"expected-offset":0,"provided-offset":1000`) || a.Header.Get("Upload-Offset") != "0" {
		t.Errorf("a wrong offset: %s, Upload-Offset %q, want 0", a.body, a.Header.Get("Upload-Offset"))
	}
	b.appendTo(t, path, 0, file[1:], true).want(t, http.StatusBadRequest)
	b.appendTo(t, path, 0, append(slices.Clone(file), 0), false).want(t, http.StatusBadRequest)
	b.appendTo(t, path, 0, file, true, "Upload-Length", "2000000").want(t, http.StatusBadRequest)
	b.appendTo(t, path, 0, file, true, "Content-Digest", "sha-256=:"+strings.Repeat("A", 43)+"=:").
		want(t, http.StatusBadRequest)
	b.appendTo(t, path, 0, file, true, "Repr-Digest", "sha-256=:"+strings.Repeat("A", 43)+"=:").
		want(t, http.StatusBadRequest)
	b.do(t, http.MethodPatch, path, bytes.NewReader(file), "Content-Type", partType).want(t, http.StatusBadRequest)
	b.do(t, http.MethodPatch, path, bytes.NewReader(file), "Content-Type", npyType, "Upload-Offset", "0",
		"Upload-Complete", "?1").want(t, http.StatusUnsupportedMediaType)
	if at := b.offset(t, path); at != 0 {
		t.Errorf("after a body with another digest the upload goes on at %d, want 0", at)
	}

	for _, method := range []string{http.MethodHead, http.MethodPatch, http.MethodDelete} {
		headers := append(as(bob), "Content-Type", partType, "Upload-Offset", "0", "Upload-Complete", "?1")
		b.do(t, method, path, nil, headers...).want(t, http.StatusNotFound)
		b.do(t, method, "/v1/uploads/"+uuid.NewString(), nil, headers...).want(t, http.StatusNotFound)
	}

	slow, send := io.Pipe() // a request that appends
	over := make(chan int)
	go func() {
		r, _ := http.NewRequest(http.MethodPatch, b.server.URL+path, slow)
		r.ContentLength = int64(len(file))
		r.Header = http.Header{"Content-Type": {partType}, "Upload-Offset": {"0"}, "Upload-Complete": {"?1"}}
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			over <- 0
			return
		}
		_ = response.Body.Close()
		over <- response.StatusCode
	}()
	half := 128 + 300*1024*8
	if _, err := send.Write(file[:half]); err != nil {
		t.Fatal(err)
	}
	b.untilHeld(t, path, true)
	second := b.appendTo(t, path, 0, file, true).want(t, http.StatusConflict)
	if second.Header.Get("Retry-After") == "" || !strings.Contains(string(second.body), "upload_held") {
		t.Errorf("a second request: %v %s, want upload_held", second.Header, second.body)
	}
	at := b.offset(t, path) // ends the first one, and keeps what it has brought
	_ = send.CloseWithError(os.ErrClosed)
	if status := <-over; status != http.StatusConflict && status != 0 || at != 128+256*1024*8 {
		t.Errorf("the first request gets %d, the upload goes on at %d, want 409 and behind the first stripe", status, at)
	}
	b.checkMatrix(t, b.appendTo(t, path, at, file[at:], true).want(t, http.StatusCreated), e, "upload")
}

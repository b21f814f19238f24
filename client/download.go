package client

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// ErrDigest says that what has arrived is not what the server has.
var ErrDigest = errors.New("the content is not what its digest says: it was damaged on the way or on this machine")

// Download receives the content of a matrix as .npy, over as many connections as it takes.
type Download struct {
	client *Client
	open   func(ctx context.Context, edit RequestEditorFn) (*http.Response, error)
	w      io.Writer
	moved  func(done, total int64)
	tag    string // of the content
	digest string // of the whole content, as the server gives it
	sum    hash.Hash
	done   int64
	total  int64 // -1 while it is not known
}

// Result prepares to write the product of a multiplication to w. It calls moved with the number of bytes that have
// arrived.
func (c *Client) Result(id string, w io.Writer, moved func(done, total int64)) *Download {
	open := func(ctx context.Context, edit RequestEditorFn) (*http.Response, error) {
		return c.GetResult(ctx, id, nil, edit)
	}
	return &Download{client: c, open: open, w: w, moved: moved, sum: sha256.New(), total: -1}
}

// Resume makes the download begin behind what an earlier one has left.
func (d *Download) Resume(part io.Reader) error {
	var err error
	d.done, err = io.Copy(d.sum, part)
	return err
}

// Run receives the content. An error that leaves something to go on from leaves it in w.
func (d *Download) Run(ctx context.Context) error {
	for failed := 0; ; failed++ {
		before := d.done
		err := d.attempt(ctx)
		if err == nil {
			return d.check()
		}
		if d.done > before {
			failed = 0 // it comes on
		}
		if failed >= d.client.Retries || !d.client.transient(ctx, err) {
			return err
		}
		if err := d.client.pause(ctx, failed, err); err != nil {
			return err
		}
	}
}

// attempt receives what one connection gives.
func (d *Download) attempt(ctx context.Context) error {
	if d.done == d.total {
		return nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stalled := time.AfterFunc(stallTimeout, func() { cancel(errStalled) })
	defer stalled.Stop()
	answer, err := d.open(ctx, d.edit)
	if err == nil && answer.StatusCode == http.StatusRequestedRangeNotSatisfiable {
		defer func() { _ = answer.Body.Close() }()
		return d.atEnd(answer.Header.Get("Content-Range"))
	}
	if err := d.client.check(answer, err); err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	if err := d.begin(answer); err != nil {
		return err
	}
	d.moved(d.done, d.total)
	if err := d.copy(answer.Body, stalled); err != nil {
		if errors.Is(context.Cause(ctx), errStalled) {
			err = errStalled
		}
		return err
	}
	if d.done != d.total {
		return fmt.Errorf("%d bytes have arrived instead of %d", d.done, d.total)
	}
	return nil
}

// edit asks for what is missing, of the content that has begun.
func (d *Download) edit(_ context.Context, r *http.Request) error {
	r.Header.Set("Accept", mediaNPY)
	r.Header.Set("Accept-Encoding", "identity") // lengths and ranges are those of the file
	if d.done > 0 {
		r.Header.Set("Range", fmt.Sprintf("bytes=%d-", d.done))
		if d.tag != "" {
			r.Header.Set("If-Range", d.tag)
		}
	}
	return nil
}

var contentRange = regexp.MustCompile(`^bytes (?:(\d+)-\d+|\*)/(\d+)$`)

// begin makes sure that the body of an answer is what comes next.
func (d *Download) begin(answer *http.Response) error {
	offset, total := int64(0), answer.ContentLength
	if answer.StatusCode == http.StatusPartialContent {
		match := contentRange.FindStringSubmatch(answer.Header.Get("Content-Range"))
		if match == nil {
			return fmt.Errorf("%wthe server answers with a range that makes no sense: %q", errFinal, answer.Header.Get("Content-Range"))
		}
		offset, _ = strconv.ParseInt(match[1], 10, 64)
		total, _ = strconv.ParseInt(match[2], 10, 64)
	}
	if offset != d.done || d.total >= 0 && total != d.total || total < 0 {
		return fmt.Errorf("%wthe content has changed since the download began", errFinal)
	}
	d.total, d.tag = total, answer.Header.Get("ETag")
	if digest := wholeDigest(answer); digest != "" {
		d.digest = digest
	}
	return nil
}

// atEnd is for an earlier download that lacked nothing but its end.
func (d *Download) atEnd(header string) error {
	if match := contentRange.FindStringSubmatch(header); match != nil && match[2] == strconv.FormatInt(d.done, 10) {
		d.total = d.done
		return nil
	}
	return fmt.Errorf("%wwhat is there already is longer than the content", errFinal)
}

// stallTimeout is how long a connection may bring nothing before it is given up.
const stallTimeout = time.Minute

var errStalled = errors.New("nothing has arrived for a minute")

// copyBuffer is large enough that a fast connection is limited by other things.
const copyBuffer = 256 << 10

func (d *Download) copy(body io.Reader, stalled *time.Timer) error {
	buffer := make([]byte, copyBuffer)
	for {
		n, err := body.Read(buffer)
		stalled.Reset(stallTimeout)
		if n > 0 {
			if _, err := d.w.Write(buffer[:n]); err != nil {
				return fmt.Errorf("%w%w", errFinal, err)
			}
			d.sum.Write(buffer[:n])
			d.done += int64(n)
			d.moved(d.done, d.total)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("the connection broke: %w", err)
		}
	}
}

// wholeDigest returns the SHA-256 of the whole content (RFC 9530), if the answer gives it.
func wholeDigest(answer *http.Response) string {
	header := answer.Header.Get("Repr-Digest")
	if header == "" && answer.StatusCode == http.StatusOK { // then they are the same
		header = answer.Header.Get("Content-Digest")
	}
	for _, member := range strings.Split(header, ",") {
		if digest, ok := strings.CutPrefix(strings.TrimSpace(member), "sha-256="); ok {
			return strings.Trim(digest, ":")
		}
	}
	return ""
}

// check compares what has arrived with the digest.
func (d *Download) check() error {
	if d.digest != "" && d.digest != base64.StdEncoding.EncodeToString(d.sum.Sum(nil)) {
		return ErrDigest
	}
	return nil
}

// Verified reports whether what has arrived was compared with a digest.
func (d *Download) Verified() bool { return d.digest != "" }

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

// Download receives the content of a matrix as .npy, over as many connections as it takes.
type Download struct {
	client   *Client
	open     func(ctx context.Context, edit RequestEditorFn) (*http.Response, error)
	w        io.Writer
	progress func(done, total int64)
	tag      string // ETag of the content
	digest   string // SHA-256 of the whole content as the server gives it, in base64; empty if it does not
	sum      hash.Hash
	unhashed bool // the beginning is not in sum, since there was nothing to compare it with
	done     int64
	total    int64 // -1 until it is known
}

// Result returns a download that writes the result of a multiplication to w. It calls progress with the number of bytes
// received and their total.
func (c *Client) Result(id string, w io.Writer, progress func(done, total int64)) *Download {
	open := func(ctx context.Context, edit RequestEditorFn) (*http.Response, error) {
		return c.GetResult(ctx, id, nil, edit)
	}
	return &Download{
		client:   c,
		open:     open,
		w:        w,
		progress: progress,
		sum:      sha256.New(),
		total:    -1,
	}
}

// Resume makes the download continue after the part that an earlier one has received. It must be called before Run.
func (d *Download) Resume(part io.Reader) error {
	var err error
	d.done, err = io.Copy(d.sum, part)
	return err
}

// Run receives the content and returns ErrDigest if it does not match its digest. After another error, what was
// written to w can be passed to Resume of a new download.
func (d *Download) Run(ctx context.Context) error {
	for failed := 0; ; failed++ {
		before := d.done
		err := d.attempt(ctx)
		if err == nil {
			return d.check()
		}
		if d.done > before {
			failed = 0 // the attempt made progress
		}
		if failed >= d.client.Retries || !d.client.transient(ctx, err) {
			return err
		}
		if err := d.client.pause(ctx, failed, err); err != nil {
			return err
		}
	}
}

// Verified reports whether the content was compared with a digest.
func (d *Download) Verified() bool { return d.digest != "" && !d.unhashed }

// attempt receives as much as one connection delivers.
func (d *Download) attempt(ctx context.Context) error {
	if d.done == d.total {
		return nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stalled := time.AfterFunc(stallTimeout, func() { cancel(errStalled) })
	defer stalled.Stop()
	response, err := d.open(ctx, d.edit)
	if err == nil && response.StatusCode == http.StatusRequestedRangeNotSatisfiable {
		defer func() { _ = response.Body.Close() }()
		return d.alreadyComplete(response.Header.Get("Content-Range"))
	}
	if err := d.client.check(response, err); err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if err := d.begin(response); err != nil {
		return err
	}
	d.progress(d.done, d.total)
	if err := d.copy(response.Body, stalled); err != nil {
		if errors.Is(context.Cause(ctx), errStalled) {
			err = errStalled
		}
		return err
	}
	if d.done != d.total {
		return fmt.Errorf("received %d of %d bytes", d.done, d.total)
	}
	return nil
}

// edit makes a request ask for the missing bytes, if the content is still the same.
func (d *Download) edit(_ context.Context, r *http.Request) error {
	r.Header.Set("Accept", mediaNPY)
	r.Header.Set("Accept-Encoding", "identity") // lengths and ranges are those of the file
	if d.done == 0 {
		return nil
	}
	r.Header.Set("Range", fmt.Sprintf("bytes=%d-", d.done))
	if d.tag != "" {
		r.Header.Set("If-Range", d.tag)
	} else { // the part comes from an earlier run: verifying it is worth the digest that the server may have to compute
		r.Header.Set("Want-Repr-Digest", "sha-256=1")
	}
	return nil
}

var contentRange = regexp.MustCompile(`^bytes (?:(\d+)-\d+|\*)/(\d+)$`)

// begin checks that the body of a response is what comes next, and notes its ETag and digest.
func (d *Download) begin(response *http.Response) error {
	offset, total := int64(0), response.ContentLength
	if response.StatusCode == http.StatusPartialContent {
		header := response.Header.Get("Content-Range")
		match := contentRange.FindStringSubmatch(header)
		if match == nil {
			return permanentf("the response has an invalid Content-Range: %q", header)
		}
		offset, _ = strconv.ParseInt(match[1], 10, 64)
		total, _ = strconv.ParseInt(match[2], 10, 64)
	}
	if offset != d.done || d.total >= 0 && total != d.total || total < 0 {
		return permanentf("the content has changed since the download began")
	}
	d.total = total
	d.tag = response.Header.Get("ETag")
	if digest := wholeDigest(response); digest != "" {
		d.digest = digest
	}
	if d.done == 0 {
		d.unhashed = d.digest == ""
	}
	return nil
}

// alreadyComplete handles status 416: the part that was resumed is the whole content, or longer than it.
func (d *Download) alreadyComplete(header string) error {
	if match := contentRange.FindStringSubmatch(header); match != nil && match[2] == strconv.FormatInt(d.done, 10) {
		d.total = d.done
		return nil
	}
	return permanentf("the part that was received earlier is longer than the content")
}

// stallTimeout is how long a connection may deliver nothing.
const stallTimeout = time.Minute

var errStalled = errors.New("nothing was received for a minute")

// copyBuffer is large enough not to limit a fast connection, in bytes.
const copyBuffer = 256 << 10

// copy writes the body to w and postpones the timeout after each read.
func (d *Download) copy(body io.Reader, stalled *time.Timer) error {
	buffer := make([]byte, copyBuffer)
	for {
		n, err := body.Read(buffer)
		stalled.Reset(stallTimeout)
		if n > 0 {
			if _, err := d.w.Write(buffer[:n]); err != nil {
				return &permanentError{err}
			}
			if !d.unhashed {
				d.sum.Write(buffer[:n])
			}
			d.done += int64(n)
			d.progress(d.done, d.total)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("the connection broke: %w", err)
		}
	}
}

// wholeDigest returns the SHA-256 of the whole content (RFC 9530) in base64, or "" if the response has none.
func wholeDigest(response *http.Response) string {
	header := response.Header.Get("Repr-Digest")
	if header == "" && response.StatusCode == http.StatusOK { // the body is the whole content
		header = response.Header.Get("Content-Digest")
	}
	for member := range strings.SplitSeq(header, ",") {
		if digest, ok := strings.CutPrefix(strings.TrimSpace(member), "sha-256="); ok {
			return strings.Trim(digest, ":")
		}
	}
	return ""
}

// check compares what was received with the digest, if the server gave one.
func (d *Download) check() error {
	if d.Verified() && d.digest != base64.StdEncoding.EncodeToString(d.sum.Sum(nil)) {
		return ErrDigest
	}
	return nil
}

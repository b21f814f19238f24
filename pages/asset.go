package pages

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// asset is a page or a file that a page loads.
type asset struct {
	contentType string
	policy      string // Content-Security-Policy; empty for what is not a page
	tag         string // ETag without its quotes
	compressed  []byte // content in gzip; nil if it is embedded uncompressed
	content     func() []byte
}

func newAsset(content []byte, contentType, policy string) *asset {
	return &asset{
		contentType: contentType,
		policy:      policy,
		tag:         tagOf(content),
		content:     func() []byte { return content },
	}
}

// newCompressedAsset returns the asset of a gzip file. It is decompressed once, for the first client that does not
// accept gzip; browsers do.
func newCompressedAsset(compressed []byte, contentType string) *asset {
	return &asset{
		contentType: contentType,
		tag:         tagOf(compressed),
		compressed:  compressed,
		content:     sync.OnceValue(func() []byte { return decompress(compressed) }),
	}
}

func tagOf(content []byte) string {
	sum := sha256.Sum256(content)
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}

func decompress(compressed []byte) []byte {
	return must(io.ReadAll(must(gzip.NewReader(bytes.NewReader(compressed)))))
}

// ServeHTTP implements http.Handler. Browsers may cache an asset but must revalidate it, since the next request may
// reach another version of the program.
func (a *asset) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Content-Type", a.contentType)
	header.Set("Cache-Control", "no-cache")
	if a.policy != "" {
		header.Set("Content-Security-Policy", a.policy)
		header.Set("Referrer-Policy", referrerPolicy)
	}
	if a.compressed != nil {
		header.Set("Vary", "Accept-Encoding")
	}
	if a.compressed != nil && acceptsGzip(r.Header.Values("Accept-Encoding")) {
		header.Set("Content-Encoding", "gzip")
		header.Set("Content-Length", strconv.Itoa(len(a.compressed)))
		header.Set("ETag", `"`+a.tag+`-gzip"`)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(a.compressed))
		return
	}
	header.Set("ETag", `"`+a.tag+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(a.content()))
}

// acceptsGzip reports whether an Accept-Encoding header accepts gzip (RFC 9110, section 12.5.3).
func acceptsGzip(values []string) bool {
	accepted := false
	for part := range strings.SplitSeq(strings.Join(values, ","), ",") {
		name, weight, _ := strings.Cut(part, ";")
		_, q, found := strings.Cut(weight, "=")
		quality, err := strconv.ParseFloat(strings.TrimSpace(q), 64)
		wanted := !found || err == nil && quality > 0
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "gzip":
			return wanted
		case "*":
			accepted = wanted
		}
	}
	return accepted
}

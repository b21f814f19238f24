package handlers_test

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// TestRanges: what a Range header means, by section 14 of RFC 9110.
func TestRanges(t *testing.T) {
	t.Parallel()
	eachContent(t, func(t *testing.T, b contentBundle) {
		const (
			whole = http.StatusOK
			part  = http.StatusPartialContent
			none  = http.StatusRequestedRangeNotSatisfiable
		)
		many := func(n int) string {
			var texts []string
			for i := range n {
				texts = append(texts, fmt.Sprintf("%d-%d", 2*i, 2*i))
			}
			return "bytes=" + strings.Join(texts, ",")
		}
		for text, want := range map[string]int{
			"bytes=-0":                       none,
			"bytes=0-0,-0":                   part,
			"BYTES=0-0":                      part,
			"rows=0-1":                       whole,
			"nonsense":                       whole,
			"bytes=x":                        whole,
			"bytes=5-4":                      whole,
			"bytes=0-99999999999999999999":   part,
			"bytes=-99999999999999999999":    part,
			"bytes=99999999999999999999-":    none,
			"bytes=0-0,5-4":                  whole,
			"bytes=--1":                      whole,
			"bytes=+1-2":                     whole,
			"bytes=-":                        whole,
			"bytes=0-0, 2-3":                 part,
			"bytes=0-5,5-6":                  whole,
			"bytes=5-6,0-1":                  whole,
			"bytes=0-,0-,0-":                 whole,
			many(16):                         part,
			many(17):                         whole,
			many(10_000):                     whole,
			"bytes=0-1,999999999-,2-2,-0, ,": part,
		} {
			a := b.get(t, b.path, "Range", text).want(t, want)
			if want == whole && !bytes.Equal(a.body, b.file) {
				t.Errorf("%.40s: %d bytes, want all %d", text, len(a.body), len(b.file))
			}
			head := b.do(t, http.MethodHead, b.path, nil, "Range", text).want(t, whole)
			if head.ContentLength != int64(len(b.file)) || head.Header.Get("Content-Range") != "" {
				t.Errorf("HEAD with %.40s: %d bytes, headers %v, want it ignored", text, head.ContentLength, head.Header)
			}
		}
	})
}

package download

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
)

// maxRanges is the largest number of ranges of one response: each is read by itself.
const maxRanges = 16

// Serveable returns the request for a content of size bytes as http.ServeContent should see it. A Range that must or
// may be ignored by RFC 9110, section 14.2, is taken away: of a request other than GET, of another unit, a malformed
// one, and one with many ranges, or with overlapping or unordered ones. Ranges outside of the content are taken out
// of the header; net/http would serve the last zero bytes.
func Serveable(r *http.Request, size int64) *http.Request {
	header := r.Header.Get("Range")
	if header == "" {
		return r
	}
	ranges, ok := parseRanges(header, size)
	served := new(http.Request)
	*served = *r
	served.Header = r.Header.Clone()
	switch {
	case r.Method != http.MethodGet || !ok || !apart(ranges):
		served.Header.Del("Range")
	case len(ranges) == 0:
		served.Header.Set("Range", fmt.Sprintf("bytes=%d-", size)) // cannot be satisfied
	default:
		served.Header.Set("Range", formatRanges(ranges))
	}
	return served
}

// byteRange is a range of bytes from first to last, which is included.
type byteRange struct{ first, last int64 }

// apart reports whether ranges are few, in ascending order and do not overlap.
func apart(ranges []byteRange) bool {
	for i := 1; i < len(ranges); i++ {
		if ranges[i].first <= ranges[i-1].last {
			return false
		}
	}
	return len(ranges) <= maxRanges
}

// parseRanges returns the ranges in a header that are in a content of size bytes, at most one more than maxRanges, and
// whether the header is well formed so far.
func parseRanges(header string, size int64) (ranges []byteRange, ok bool) {
	unit, set, found := strings.Cut(header, "=")
	if !found || !strings.EqualFold(unit, "bytes") {
		return nil, false
	}
	for text := range strings.SplitSeq(set, ",") {
		text = strings.TrimSpace(text)
		if text == "" {
			continue
		}
		from, to, found := strings.Cut(text, "-")
		first, err := parsePosition(from, -1)
		last, err2 := parsePosition(to, math.MaxInt64)
		switch {
		case !found || err != nil || err2 != nil || from == "" && to == "" || first > last:
			return nil, false
		case from == "":
			first, last = max(0, size-last), size-1
		}
		if first <= min(last, size-1) {
			ranges = append(ranges, byteRange{first, min(last, size-1)})
		}
		if len(ranges) > maxRanges {
			break
		}
	}
	return ranges, true
}

// parsePosition returns a position in a content, or absent for an empty text. One that is too large for an int64 is
// behind the end of each content.
func parsePosition(text string, absent int64) (int64, error) {
	if text == "" {
		return absent, nil
	}
	n, err := strconv.ParseUint(text, 10, 63)
	if errors.Is(err, strconv.ErrRange) {
		return math.MaxInt64, nil
	}
	return int64(n), err
}

func formatRanges(ranges []byteRange) string {
	var texts []string
	for _, r := range ranges {
		texts = append(texts, fmt.Sprintf("%d-%d", r.first, r.last))
	}
	return "bytes=" + strings.Join(texts, ",")
}

package handlers_test

import (
	"net/http"
	"testing"
)

// TestConditions: preconditions of RFC 9110, section 13, on each representation that has an entity tag.
func TestConditions(t *testing.T) {
	t.Parallel()
	s := setupRaw(t)
	matrix := s.upload(t, someElements(3, 2).npy())
	m := s.submit(t, fourLargeTiles)
	const past, future = "Mon, 01 Jan 2001 00:00:00 GMT", "Fri, 01 Jan 2100 00:00:00 GMT"
	const ok, same, failed = http.StatusOK, http.StatusNotModified, http.StatusPreconditionFailed
	for _, path := range []string{
		"/v1/matrices/" + matrix.ID, "/v1/matrices/" + matrix.ID + "/content", m.Links.Self, "/v1/multiplications", "/", "/docs/",
		"/assets/home.js", "/docs/swagger-ui.css",
	} {
		tag := s.ask(t, rawRoute{http.MethodGet, path}.head()).Header.Get("ETag")
		if tag == "" {
			t.Errorf("%s has no entity tag", path)
			continue
		}
		for _, c := range []struct {
			rule    string
			headers []string
			status  int
		}{
			{"13.1.2: if any match the weak comparison, the condition is false: 304", []string{"If-None-Match: " + tag}, same},
			{"13.1.2: by the weak comparison", []string{"If-None-Match: W/" + tag}, same},
			{"13.1.2: *, there is a current representation", []string{"If-None-Match: *"}, same},
			{"13.1.2: a list", []string{`If-None-Match: "x", ` + tag + `, "y"`}, same},
			{"5.3: a list on several lines", []string{`If-None-Match: "x"`, "If-None-Match: " + tag}, same},
			{"13.1.2: none matches", []string{`If-None-Match: "x"`}, ok},
			{"13.1.1: one matches", []string{"If-Match: " + tag}, ok},
			{"13.1.1: * matches", []string{"If-Match: *"}, ok},
			{"13.1.1: a list", []string{`If-Match: "x", ` + tag}, ok},
			{"13.1.1: a list on several lines", []string{`If-Match: "x"`, "If-Match: " + tag}, ok},
			{"13.1.1: none matches", []string{`If-Match: "x"`}, failed},
			{"13.1.1: by the strong comparison", []string{"If-Match: W/" + tag}, failed},
			{"13.2.2: If-Match is evaluated before If-None-Match", []string{`If-Match: "x"`, "If-None-Match: " + tag}, failed},
			{"13.1.3: MUST ignore without a modification date", []string{"If-Modified-Since: " + future}, ok},
			{"13.1.3: MUST ignore if the value is not a valid date", []string{"If-Modified-Since: x"}, ok},
			{"13.1.3: MUST ignore with If-None-Match", []string{`If-None-Match: "x"`, "If-Modified-Since: " + future}, ok},
			{"13.1.4: MUST ignore without a modification date", []string{"If-Unmodified-Since: " + past}, ok},
		} {
			for _, method := range []string{http.MethodGet, http.MethodHead} {
				a := s.ask(t, rawRoute{method, path}.head(c.headers...))
				if a.StatusCode != c.status {
					t.Errorf("%s: %s %s with %q: %s, want %d", c.rule, method, path, c.headers, a.Status, c.status)
				}
				if c.status == same && (len(a.body) > 0 || a.Header.Get("ETag") != tag) {
					t.Errorf("15.4.5: %s %s: %d bytes, ETag %q, want none and %q", method, path, len(a.body), a.Header.Get("ETag"), tag)
				}
			}
		}
	}
}

// TestConditionalRanges: If-Range, RFC 9110, 13.1.5.
func TestConditionalRanges(t *testing.T) {
	t.Parallel()
	s := setupRaw(t)
	matrix := s.upload(t, someElements(3, 2).npy())
	get := rawRoute{http.MethodGet, "/v1/matrices/" + matrix.ID + "/content"}
	tag := s.ask(t, get.head()).Header.Get("ETag")
	const whole, part = http.StatusOK, http.StatusPartialContent
	const bytes = "Range: bytes=0-9"
	for _, c := range []struct {
		rule    string
		headers []string
		status  int
	}{
		{"if the validator matches, process the Range", []string{bytes, "If-Range: " + tag}, part},
		{"if it does not, ignore the Range", []string{bytes, `If-Range: "x"`}, whole},
		{"by the strong comparison", []string{bytes, "If-Range: W/" + tag}, whole},
		{"a date that is no validator of this representation", []string{bytes, "If-Range: Fri, 01 Jan 2100 00:00:00 GMT"}, whole},
		{"MUST ignore If-Range without Range", []string{"If-Range: " + tag}, whole},
		{"13.2.2: If-None-Match is evaluated before If-Range", []string{bytes, "If-Range: " + tag, "If-None-Match: " + tag}, 304},
		{"13.2.2: so is If-Match", []string{bytes, "If-Range: " + tag, `If-Match: "x"`}, 412},
		{"14.2: outside of the content", []string{"Range: bytes=1000-", "If-Range: " + tag}, 416},
		{"14.2: of another content it is no matter", []string{"Range: bytes=1000-", `If-Range: "x"`}, whole},
	} {
		if a := s.ask(t, get.head(c.headers...)); a.StatusCode != c.status {
			t.Errorf("%s: with %q: %s, want %d", c.rule, c.headers, a.Status, c.status)
		}
	}
}

// TestConditionalDelete: "the origin server MUST NOT perform the requested method if the condition evaluates to false"
// (RFC 9110, 13.1.1).
func TestConditionalDelete(t *testing.T) {
	t.Parallel()
	s := setupRaw(t)
	m := s.submit(t, tinySubmission)
	s.do(t, http.MethodPost, m.Links.Self+"/cancel", nil).want(t, http.StatusOK)
	matrix := s.upload(t, someElements(3, 2).npy())
	for _, path := range []string{"/v1/matrices/" + matrix.ID, m.Links.Self} {
		tag := s.get(t, path).want(t, http.StatusOK).Header.Get("ETag")
		for _, other := range []string{`"x"`, "W/" + tag, `"x", "y"`} {
			a := s.do(t, http.MethodDelete, path, nil, "If-Match", other).want(t, http.StatusPreconditionFailed)
			if got := a.Header.Get("ETag"); got != tag {
				t.Errorf("DELETE %s with %s: ETag %q, want the current %q", path, other, got, tag)
			}
		}
		s.get(t, path).want(t, http.StatusOK)
		s.do(t, http.MethodDelete, path, nil, "If-Match", `"x", `+tag).want(t, http.StatusNoContent)
		s.do(t, http.MethodDelete, path, nil, "If-Match", "*").want(t, http.StatusNotFound)
	}
}

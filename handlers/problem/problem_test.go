package problem

import (
	"fmt"
	"maps"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestDocs: each code has a row with its status in the document and on the page, which its type leads to.
func TestDocs(t *testing.T) {
	t.Parallel()
	copied, err := os.ReadFile("../../docs/problems.md")
	if err != nil || string(copied) != docs {
		t.Errorf("docs/problems.md is not handlers/problem/docs.md (%v), copy it", err)
	}
	documented := map[Code]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| <a id=\"([a-z_]+)\"></a>`([a-z_]+)` \\| (\\d+) ").FindAllStringSubmatch(docs, -1) {
		if row[1] != row[2] {
			t.Errorf("the row of %s has the id %s", row[2], row[1])
		}
		documented[Code(row[1])] = row[3]
	}
	want := map[Code]string{}
	for code, status := range statuses {
		want[code] = fmt.Sprint(status)
	}
	if !maps.Equal(documented, want) {
		t.Errorf("documented are %v, want %v", documented, want)
	}
	w := httptest.NewRecorder()
	Docs().ServeHTTP(w, httptest.NewRequest("GET", DocsPath, nil))
	for code := range statuses {
		if _, id, _ := strings.Cut(New(code, "").Type, "#"); !strings.Contains(w.Body.String(), `<tr id="`+id+`">`) {
			t.Errorf("the page has no row for %s", code)
		}
	}
}

// TestCodesOfStatuses: what has a status only gets a code of that status.
func TestCodesOfStatuses(t *testing.T) {
	t.Parallel()
	for status, code := range ofStatus {
		if code.Status() != status {
			t.Errorf("%d gets %s, which has %d", status, code, code.Status())
		}
	}
	if p := OfStatus(502, "x"); p.Status != 502 || p.Code != Internal {
		t.Errorf("a status without a code is %+v", p)
	}
	if codes := slices.Collect(maps.Keys(statuses)); slices.Contains(codes, "") {
		t.Error("there is an empty code")
	}
}

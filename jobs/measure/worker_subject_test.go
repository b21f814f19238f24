package measure

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/riverqueue/river/rivertype"
)

// TestSubject: a line about a job names its multiplication, or the range of its bundle.
func TestSubject(t *testing.T) {
	t.Parallel()
	const id, last = "01a20a2b-e14e-7d86-921d-a6528b55629e", "01a20a2b-e14e-7d86-921d-a6528b55629f"
	for args, want := range map[string]string{
		`{"multiplication_id": "` + id + `", "tile": 3}`:  "job=7 kind=k attempt=2 multiplication=" + id + " tile=3",
		`{"first": "` + id + `", "last": "` + last + `"}`: "job=7 kind=k attempt=2 first=" + id + " last=" + last,
		`{"orphans": true}`: "job=7 kind=k attempt=2",
		`nonsense`:          "job=7 kind=k attempt=2",
	} {
		job := &rivertype.JobRow{
			ID:          7,
			Kind:        "k",
			Attempt:     2,
			EncodedArgs: []byte(args),
		}
		var line strings.Builder
		slog.New(slog.NewTextHandler(&line, nil)).Info("", Subject(job))
		if got := line.String(); !strings.HasSuffix(got, ` msg="" `+want+"\n") {
			t.Errorf("the line is %s, want it to end in %s", got, want)
		}
	}
}

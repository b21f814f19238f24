package measure

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/riverqueue/river/rivertype"
)

// subject is what a job is about, as the arguments of the kinds say it.
type subject struct {
	Multiplication *uuid.UUID `json:"multiplication_id"`
	Tile           int64      `json:"tile"`
	First          *uuid.UUID `json:"first"`
	Last           *uuid.UUID `json:"last"`
}

// subjectOf returns what a job is about; the zero value if it is about no multiplication.
func subjectOf(job *rivertype.JobRow) subject {
	var s subject
	if json.Unmarshal(job.EncodedArgs, &s) != nil {
		return subject{}
	}
	return s
}

// Subject returns what a line of the log about a job begins with: the job, and the multiplication that it is of; for a
// bundle the first and the last id of the range in which its multiplications are.
func Subject(job *rivertype.JobRow) slog.Attr {
	attrs := []any{"job", job.ID, "kind", job.Kind, "attempt", job.Attempt}
	switch about := subjectOf(job); {
	case about.Multiplication != nil:
		attrs = append(attrs, "multiplication", *about.Multiplication, "tile", about.Tile)
	case about.First != nil && about.Last != nil:
		attrs = append(attrs, "first", *about.First, "last", *about.Last)
	}
	return slog.Group("", attrs...) // without a name its members stand in the line itself
}

// End is what is logged of a multiplication that has ended.
type End struct {
	ID       uuid.UUID
	Tenant   int
	State    string
	Shape    string        // m×k×n
	Lasted   time.Duration // since its submission
	Attempts int64         // at its tiles; 0 if they are not known
}

// Log writes the line of a multiplication that has ended.
func (e End) Log(ctx context.Context, log *slog.Logger, level slog.Level) {
	attrs := []slog.Attr{
		slog.String("multiplication", e.ID.String()),
		slog.Int("tenant", e.Tenant),
		slog.String("state", e.State),
		slog.String("shape", e.Shape),
		slog.Float64("seconds", e.Lasted.Seconds()),
	}
	if e.Attempts > 0 {
		attrs = append(attrs, slog.Int64("attempts", e.Attempts))
	}
	log.LogAttrs(ctx, level, "multiplication ended", attrs...)
}

package remote

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/millrace/millrace/cli/terminal"
	"github.com/millrace/millrace/client"
)

// Print writes a multiplication to w: as JSON if --json is set, else as a table.
func (f ServerFlags) Print(w io.Writer, m client.Multiplication) error {
	if f.JSON {
		return PrintJSON(w, m)
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) { fmt.Fprintf(table, name+"\t"+format+"\n", args...) }
	line("id", "%s", m.ID)
	line("state", "%s", m.State)
	if m.Failure != nil {
		line("failure", "%s", *m.Failure)
	}
	line("shape", "%d×%d %s = %d×%d · %d×%d", m.Shape.M, m.Shape.N, m.Dtype, m.A.Rows, m.A.Cols, m.B.Rows, m.B.Cols)
	line("operands", "%s, %s", m.A.MatrixID, m.B.MatrixID)
	line("tiles", "%d of %d completed, %d running, %d waiting to be retried",
		m.Tiles.Completed, m.Tiles.Total, m.Tiles.Running, m.Tiles.Retrying)
	if m.Waiting != nil {
		line("waiting", "%s", waiting(*m.Waiting))
	}
	if m.Reused != nil && *m.Reused {
		line("reused", "it has the result of an earlier multiplication, and nothing was computed")
	}
	line("attempts", "%d", m.Attempts)
	line("priority", "%d", m.Priority)
	line("created", "%s", terminal.Time(&m.CreatedAt))
	line("started", "%s", terminal.Time(m.StartedAt))
	line("finished", "%s%s", terminal.Time(m.FinishedAt), duration(m))
	if m.Result != nil {
		line("result", "%.1f MB, matrix %s", terminal.Megabytes(m.Result.Bytes), m.Result.MatrixID)
	}
	if m.ExpiresAt != nil {
		line("kept until", "%s", terminal.Time(m.ExpiresAt))
	}
	for _, e := range m.Errors {
		line("error", "%s tile %d, attempt %d: %s", terminal.Time(&e.At), e.Tile, e.Attempt, e.Message)
	}
	return table.Flush()
}

// waiting says what a multiplication waits for.
func waiting(w client.Outlook) string {
	text := fmt.Sprintf("for %d tiles of others", w.TilesAhead)
	if w.EstimatedStart != nil && w.EstimatedEnd != nil {
		text += fmt.Sprintf(", next tile about %s, done about %s",
			terminal.Time(w.EstimatedStart), terminal.Time(w.EstimatedEnd))
	}
	if w.NextAttempt != nil {
		text += ", next attempt " + terminal.Time(w.NextAttempt)
	}
	return text
}

// duration returns the time from start to finish as a suffix, or nothing before both are known.
func duration(m client.Multiplication) string {
	if m.StartedAt == nil || m.FinishedAt == nil {
		return ""
	}
	return fmt.Sprintf(" (%.2f s)", m.FinishedAt.Sub(*m.StartedAt).Seconds())
}

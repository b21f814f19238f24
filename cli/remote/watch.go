package remote

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/millrace/millrace/cli/terminal"
	"github.com/millrace/millrace/client"
)

// Watch shows the progress of a multiplication until it finishes.
func Watch(ctx context.Context, api *client.Client, id string, log io.Writer) (client.Multiplication, error) {
	var bar *terminal.Bar
	start := time.Now()
	pace := terminal.NewPace(startOf(ctx, api, id))
	m, err := api.Wait(ctx, id, func(e client.Event) {
		if bar == nil {
			bar = terminal.NewBar(log, "multiply", e.Tiles.Total, terminal.Tiles)
		}
		if left, ok := pace.Left(e.At, e.Tiles.Completed, e.Tiles.Total); ok {
			bar.Remark("about " + terminal.Age(left) + " left")
		} else {
			bar.Remark(string(e.State))
		}
		bar.Set(e.Tiles.Completed)
	})
	switch {
	case bar == nil:
	case err == nil && m.State == client.MultiplicationStateCompleted:
		bar.Finish(fmt.Sprintf("%s in %.2f s", tiles(m.Tiles.Total), time.Since(start).Seconds()))
	default:
		bar.Clear()
	}
	return m, err
}

// tiles says how many tiles there are.
func tiles(n int64) string {
	if n == 1 {
		return "1 tile"
	}
	return fmt.Sprintf("%d tiles", n)
}

// startOf returns when a multiplication was started, or zero if it was not, or cannot be read now.
func startOf(ctx context.Context, api *client.Client, id string) time.Time {
	m, err := api.Multiplication(ctx, id)
	if err != nil || m.StartedAt == nil {
		return time.Time{}
	}
	return *m.StartedAt
}

// CheckCompleted returns an error that says how to go on if a finished multiplication has no result.
func CheckCompleted(m client.Multiplication) error {
	switch m.State {
	case client.MultiplicationStateFailed:
		reason := "no reason is given"
		if m.Failure != nil {
			reason = *m.Failure
		}
		return fmt.Errorf("the multiplication failed: %s; for details: millrace show %s, to retry it: millrace retry %[2]s",
			reason, m.ID)
	case client.MultiplicationStateCancelled:
		return fmt.Errorf("the multiplication was cancelled; millrace retry %s resumes it", m.ID)
	}
	return nil
}

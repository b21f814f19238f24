package cli_test

import (
	"net/http"
	"strings"
	"syscall"
	"testing"
)

// TestPausedQueues: a queue that is paused in River UI is reported, and maintenance does not stay paused.
func TestPausedQueues(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	main := d.startAPI()
	worker := d.startWorker()
	ops := opsAddress.FindStringSubmatch(main.stderr.String())[1]
	pause := func(queue string) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, d.server+"/riverui/api/queues/"+queue+"/pause", nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := response.Body.Close(); err != nil || response.StatusCode != http.StatusOK {
			t.Fatalf("PUT %s = %d, %v, want 200", r.URL, response.StatusCode, err)
		}
	}
	tilesPaused := func() bool {
		overview, err := d.api.GetOverviewWithResponse(t.Context())
		if err != nil || overview.JSON200 == nil {
			t.Fatalf("GetOverview() = %q, %v, want 200", overview.Body, err)
		}
		for _, queue := range overview.JSON200.Queues {
			if queue.Name == "tiles" {
				return queue.Paused
			}
		}
		return false
	}
	if tilesPaused() {
		t.Error("paused of the queue tiles = true, want false")
	}
	wantTexts(t, fetchText(t, ops+"/metrics"), `millrace_queue_paused{queue="tiles"} 0`)

	pause("tiles")
	until(t, "the overview shows the pause", tilesPaused)
	until(t, "the metric shows the pause", func() bool {
		return strings.Contains(fetchText(t, ops+"/metrics"), `millrace_queue_paused{queue="tiles"} 1`)
	})
	pause("maintenance")
	until(t, "maintenance goes on", func() bool {
		var paused bool
		const query = "SELECT EXISTS (SELECT FROM river_queue WHERE name = 'maintenance' AND paused_at IS NOT NULL)"
		if err := d.pool.QueryRow(t.Context(), query).Scan(&paused); err != nil {
			t.Fatal(err)
		}
		return !paused
	})
	if !tilesPaused() {
		t.Error("paused of the queue tiles = false, want true")
	}
	for _, p := range []*process{worker, main} {
		p.exit(syscall.SIGTERM)
	}
}

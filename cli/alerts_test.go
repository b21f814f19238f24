package cli_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestAlertsHaveRunbookEntries: each alert links to its entry in the runbook, each entry belongs to an alert, and a
// test of promtool names each alert.
func TestAlertsHaveRunbookEntries(t *testing.T) {
	t.Parallel()
	rules := read(t, "kustomize/components/prometheus/rules.yaml")
	tests := read(t, "kustomize/components/prometheus/rules_test.yaml")
	var alerts, entries []string
	for _, m := range regexp.MustCompile(`- alert: (\w+)`).FindAllStringSubmatch(rules, -1) {
		alerts = append(alerts, m[1])
		if !strings.Contains(rules, "/docs/runbook.md#"+strings.ToLower(m[1])+"\n") {
			t.Errorf("%s does not link to its entry", m[1])
		}
		if !regexp.MustCompile(`alertname(: |=")` + m[1] + `\b`).MatchString(tests) {
			t.Errorf("no test names %s", m[1])
		}
	}
	for _, m := range regexp.MustCompile(`(?m)^## (\w+)$`).FindAllStringSubmatch(read(t, "docs/runbook.md"), -1) {
		entries = append(entries, m[1])
	}
	if len(alerts) == 0 || !slices.Equal(alerts, entries) {
		t.Errorf("the entries are %v, want the alerts %v", entries, alerts)
	}
}

// dashboard is the part of the Grafana dashboard that the tests check.
type dashboard struct {
	Panels []struct {
		ID         int
		Type       string
		Title      string
		DataSource struct{ UID string }
		GridPos    struct{ X, Y, W, H int }
		Targets    []struct {
			Expr       string
			DataSource struct{ UID string }
		}
	}
}

func readDashboard(t *testing.T) dashboard {
	t.Helper()
	var d dashboard
	if err := json.Unmarshal([]byte(read(t, "kustomize/components/grafana/dashboard.json")), &d); err != nil {
		t.Fatal(err)
	}
	if len(d.Panels) == 0 {
		t.Fatal("the dashboard has no panels")
	}
	return d
}

// TestDashboard: the data source is a variable, and no panels overlap.
func TestDashboard(t *testing.T) {
	t.Parallel()
	places := map[[2]int]string{}
	ids := map[int]bool{}
	for _, p := range readDashboard(t).Panels {
		if ids[p.ID] {
			t.Errorf("%q has the id %d, which is taken", p.Title, p.ID)
		}
		ids[p.ID] = true
		if p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("%q has no query", p.Title)
		}
		for _, target := range p.Targets {
			if p.DataSource.UID != "${datasource}" || target.DataSource.UID != "${datasource}" {
				t.Errorf("%q has the data sources %q, %q, want ${datasource}", p.Title, p.DataSource.UID, target.DataSource.UID)
			}
		}
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other, ok := places[[2]int{x, y}]; ok || x >= 24 {
					t.Fatalf("%q overlaps %q, or the right border", p.Title, other)
				}
				places[[2]int{x, y}] = p.Title
			}
		}
	}
}

// TestDashboardExpressions checks with promtool that the queries of the panels are PromQL. make check-rules sets
// PROMTOOL.
func TestDashboardExpressions(t *testing.T) {
	t.Parallel()
	promtool := os.Getenv("PROMTOOL")
	if promtool == "" {
		t.Skip("PROMTOOL is not set: make check-rules runs this")
	}
	rules := strings.Builder{}
	rules.WriteString("groups:\n- name: dashboard\n  rules:\n")
	for _, p := range readDashboard(t).Panels {
		for i, target := range p.Targets {
			expr := strings.NewReplacer("$__rate_interval", "1m", "$namespace", ".*").Replace(target.Expr)
			fmt.Fprintf(&rules, "  - record: panel_%d_%d\n    expr: %q\n", p.ID, i, expr)
		}
	}
	file := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(file, []byte(rules.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(promtool, "check", "rules", file).CombinedOutput(); err != nil {
		t.Errorf("promtool: %v, want success\n%s", err, out)
	}
}

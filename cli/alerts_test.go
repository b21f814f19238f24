package cli_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
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
		Links      []struct{ Title string }

		FieldConfig struct {
			Defaults  struct{ Thresholds thresholds }
			Overrides []struct {
				Properties []struct {
					ID    string
					Value json.RawMessage
				}
			}
		}
		Targets []struct {
			Expr       string
			DataSource struct{ UID string }
		}
	}
}

// thresholds are the values from which on a panel has another colour; the first step has none.
type thresholds struct{ Steps []struct{ Value *float64 } }

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

// TestDashboardThresholds: where the colour of a panel changes, an alert says so. The panel links to its entry in the
// runbook, and has its limit.
func TestDashboardThresholds(t *testing.T) {
	t.Parallel()
	rules := read(t, "kustomize/components/prometheus/rules.yaml")
	compared := 0
	for _, p := range readDashboard(t).Panels {
		all := []thresholds{p.FieldConfig.Defaults.Thresholds}
		for _, o := range p.FieldConfig.Overrides {
			for _, property := range o.Properties {
				var own thresholds
				if property.ID == "thresholds" && json.Unmarshal(property.Value, &own) == nil {
					all = append(all, own)
				}
			}
		}
		for _, of := range all {
			for _, step := range of.Steps {
				if step.Value == nil {
					continue
				}
				compared++
				if len(p.Links) != 1 {
					t.Fatalf("%q has a threshold and %d links, want one to an alert", p.Title, len(p.Links))
				}
				if want := limitOf(t, rules, p.Links[0].Title); *step.Value != want {
					t.Errorf("%q changes its colour at %g, want %g as %s", p.Title, *step.Value, want, p.Links[0].Title)
				}
			}
		}
	}
	if compared < 8 {
		t.Errorf("%d thresholds were compared, want at least 8", compared)
	}
}

// limitOf returns the number that the expression of an alert compares with.
func limitOf(t *testing.T, rules, alert string) float64 {
	t.Helper()
	found := regexp.MustCompile(`(?s)- alert: ` + alert + `\n.*?[<>] ([0-9.]+)\n\s+(?:for|labels):`).FindStringSubmatch(rules)
	if found == nil {
		t.Fatalf("there is no alert %s that compares with a number", alert)
	}
	limit, err := strconv.ParseFloat(found[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return limit
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

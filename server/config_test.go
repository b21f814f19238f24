package server

import (
	"bytes"
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"
)

// valid returns a configuration that Validate accepts.
func valid() Config {
	return Config{
		Role:    Dev,
		Storage: Storage{Blocks: "postgres", Retention: time.Hour},
		Work:    Work{SoftStop: time.Second, Lease: time.Second},
	}
}

func TestConfigValidate(t *testing.T) {
	t.Parallel()
	if err := valid().Validate(); err != nil {
		t.Errorf("Validate() = %v, want nil", err)
	}
	for flag, change := range map[string]func(*Config){
		"--tiles":        func(c *Config) { c.Work.Tiles = -1 },
		"--small":        func(c *Config) { c.Work.Small = -1 },
		"--lease":        func(c *Config) { c.Work.Lease = time.Second - 1 },
		"--tile-timeout": func(c *Config) { c.Work.TileTimeout = 16 * time.Minute },
		"--soft-stop":    func(c *Config) { c.Work.SoftStop = 0 },
		"--drain":        func(c *Config) { c.Drain = -1 },
		"--last-scrape":  func(c *Config) { c.LastScrape = -1 },
		"--retention":    func(c *Config) { c.Storage.Retention = time.Second },
		"--oidc-issuer":  func(c *Config) { c.OIDC.OIDCIssuer = "http://login.example.org" },
		"--tls-key":      func(c *Config) { c.TLS.TLSCert = "cert.pem" },

		"--external-metrics-tls-key": func(c *Config) { c.External.Cert = "cert.pem" },
	} {
		c := valid()
		change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), flag) {
			t.Errorf("Validate() = %v, want an error about %s", err, flag)
		}
	}
}

// TestConfigLogValue: a role logs the values that it uses, and in none of the forms of a connection string the
// password.
func TestConfigLogValue(t *testing.T) {
	t.Parallel()
	for role, want := range map[Role]string{
		API:    "database blocks retention ops_addr soft_stop lease addr tls external_metrics oidc_issuer river_ui drain",
		Worker: "database blocks retention ops_addr soft_stop lease tiles small",
		Dev:    "database blocks retention ops_addr soft_stop lease tiles small addr tls external_metrics oidc_issuer river_ui drain",
	} {
		c := valid()
		c.Role = role
		var keys []string
		for _, attr := range c.LogValue().Group() {
			keys = append(keys, attr.Key)
		}
		if got := strings.Join(keys, " "); got != want {
			t.Errorf("LogValue() of %s has %q, want %q", role, got, want)
		}
	}
	for _, url := range []string{
		"postgres://millrace:s3cret@127.0.0.1/x",
		"postgres://127.0.0.1/x?user=millrace&password=s3cret",
		"host=127.0.0.1 user=millrace password=s3cret",
		"host=127.0.0.1 user=millrace password='s3cret with spaces'",
		"millrace:s3cret@127.0.0.1/x",
		"http://millrace:s3cret@127.0.0.1/x",
		"//millrace:s3cret@127.0.0.1/x",
		"postgres://millrace:first/s3cret@127.0.0.1/x",
		"postgres://millrace:s3cret:x@127.0.0.1:port/x",
		"postgres://millrace@127.0.0.1/x?sslpassword=s3cret",
		"s3cret",
	} {
		c := valid()
		c.Database.DatabaseURL = url
		var text bytes.Buffer
		slog.New(slog.NewTextHandler(&text, nil)).Info("starting", "config", c)
		if got := text.String(); strings.Contains(got, "s3cret") || !strings.Contains(got, "config.database=") {
			t.Errorf("the log of %s is %s, want the database without its password", url, got)
		}
		pool, err := c.Database.open(t.Context(), 1)
		if err == nil {
			pool.Close()
		} else if strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "first") {
			t.Errorf("open(%s) = %v, want an error without the password", url, err)
		}
	}
}

func TestConfigConnections(t *testing.T) {
	t.Parallel()
	for role, want := range map[Role]int{
		API:    15,
		Worker: 5 + 2 + 3,
		Dev:    16 + 5 + 2 + 3,
	} {
		c := Config{Role: role, Work: Work{Tiles: 2, Small: 5}}
		if got := c.connections(); got != want {
			t.Errorf("connections() of %s = %d, want %d", role, got, want)
		}
	}
}

// TestTilesFollowCPUsAndMemory: a worker with many CPUs and little memory computes fewer tiles at once.
func TestTilesFollowCPUsAndMemory(t *testing.T) {
	t.Parallel()
	limit := func(mebibytes int64) int64 { return mebibytes << 20 * 9 / 10 } // what cli sets for a container's
	for _, test := range []struct {
		cpus   int
		memory int64
		want   int
	}{
		{2, math.MaxInt64, 2},
		{64, math.MaxInt64, 64},
		{2, limit(1 << 10), 2}, // the workers of kustomize/
		{64, limit(1 << 10), 2},
		{16, limit(16 * 400), 16},
		{16, limit(4 << 10), 10},
		{4, limit(64), 1},
	} {
		got, why := Work{}.slots(test.cpus, test.memory)
		if limited := strings.Contains(why, "memory"); got != test.want || limited != (got < test.cpus) {
			t.Errorf("with %d CPUs and %d bytes there are %d tiles because %q, want %d", test.cpus, test.memory, got, why,
				test.want)
		}
		if got, why := (Work{Tiles: 7}).slots(test.cpus, test.memory); got != 7 || why != "--tiles" {
			t.Errorf("with --tiles=7 there are %d tiles because %q", got, why)
		}
	}
}

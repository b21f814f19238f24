package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"runtime"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/millrace/millrace/handlers"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/store"
)

// DatabaseConfig says where Postgres is.
type DatabaseConfig struct {
	DatabaseURL string `env:"DATABASE_URL" required:"" help:"Postgres connection string."`
}

// open connects to the database with up to conns connections.
func (c DatabaseConfig) open(ctx context.Context, conns int) (*pgxpool.Pool, error) {
	if c.DatabaseURL == "" {
		return nil, errors.New("DATABASE_URL is empty")
	}
	config, err := pgxpool.ParseConfig(c.DatabaseURL)
	if err != nil {
		return nil, fmt.Errorf("DATABASE_URL: %w", err)
	}
	if config.MaxConns < int32(conns) { //nolint:gosec // a few dozen
		config.MaxConns = int32(conns) //nolint:gosec // a few dozen
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("connecting to the database: %w", err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("connecting to the database: %w", err)
	}
	return pool, nil
}

// LogValue is the connection string without its password, in every format of the log.
func (c DatabaseConfig) LogValue() slog.Value {
	u, err := url.Parse(c.DatabaseURL)
	if err != nil || u.Scheme == "" {
		return slog.StringValue("(key/value string)")
	}
	query := u.Query()
	if query.Has("password") {
		query.Set("password", "xxxxx")
		u.RawQuery = query.Encode()
	}
	return slog.StringValue(u.Redacted())
}

// StoreConfig says how long and where contents are kept.
type StoreConfig struct {
	Blocks    string        `default:"postgres" help:"Block store of large matrices: postgres, or file:///directory that all processes share."`
	Retention time.Duration `default:"24h" help:"How long products and matrices are kept after their last use."`
}

func (c StoreConfig) validate() error {
	if c.Retention < time.Minute {
		return fmt.Errorf("--retention must be at least 1m, it is %s", c.Retention)
	}
	return nil
}

func (c StoreConfig) open(pool *pgxpool.Pool) (*store.Store, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	blocks, err := store.OpenBlocks(c.Blocks, pool)
	if err != nil {
		return nil, err
	}
	return store.Open(pool, blocks, c.Retention), nil
}

// LimitsConfig bounds what one request may ask for.
type LimitsConfig struct {
	MaxMatrixBytes int64 `default:"1099511627776" help:"Largest matrix that is accepted or computed, in bytes."`
	MaxJSONValues  int64 `default:"1000000" help:"Largest matrix that is served as JSON, in elements; .npy has no limit."`
}

func (c LimitsConfig) limits() handlers.Limits {
	return handlers.Limits{MaxMatrixBytes: c.MaxMatrixBytes, MaxJSONValues: c.MaxJSONValues}
}

// PagesConfig says what is served to people beside the API.
type PagesConfig struct {
	RiverUI bool `name:"river-ui" default:"true" negatable:"" help:"Serve River UI at /riverui/. Whoever reaches it can retry, cancel and delete jobs."`
}

// WorkConfig says how a process works on tiles.
type WorkConfig struct {
	BLAS     string        `name:"blas" help:"BLAS library to load: a file, builtin for the built-in kernel, empty for the first of the usual names."`
	Tiles    int           `help:"Tiles computed at a time; 0 is one per CPU." default:"0"`
	Small    int           `help:"Small products computed at a time; 0 is eight per CPU." default:"0"`
	SoftStop time.Duration `help:"How long running tiles may take to finish after SIGTERM before they go back to the queue." default:"25s"`
	Lease    time.Duration `help:"How long a worker may be silent before its tiles are given to others." default:"10s"`
}

func (c WorkConfig) validate() error {
	switch {
	case c.Tiles < 0 || c.Small < 0:
		return fmt.Errorf("--tiles and --small must not be negative")
	case c.Lease < time.Second:
		return fmt.Errorf("--lease must be at least 1s, it is %s", c.Lease)
	case c.SoftStop <= 0:
		return fmt.Errorf("--soft-stop must be more than 0, it is %s", c.SoftStop)
	}
	return nil
}

// connections is how many database connections a worker uses: its small products wait for the database, not for the CPU.
func (c WorkConfig) connections() int { return min(32, c.small()) + c.tiles() + 4 }

func (c WorkConfig) tiles() int {
	if c.Tiles > 0 {
		return c.Tiles
	}
	return runtime.GOMAXPROCS(0)
}

func (c WorkConfig) small() int {
	if c.Small > 0 {
		return c.Small
	}
	return 8 * runtime.GOMAXPROCS(0)
}

func (c WorkConfig) jobs(work, lead bool) jobs.Config {
	return jobs.Config{Work: work, Lead: lead, Tiles: c.tiles(), Small: c.small(), SoftStop: c.SoftStop, Lease: c.Lease}
}

// logStart writes down what a process was started with, secrets left out.
func logStart(log *slog.Logger, role string, attrs ...any) {
	log.With("role", role, "version", version(), "cpus", runtime.GOMAXPROCS(0)).Info("starting", attrs...)
}

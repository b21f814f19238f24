package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/jobs/queue/agreed"
	"github.com/millrace/millrace/migrations"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/blocks"
	"github.com/millrace/millrace/store/database"
	"github.com/millrace/millrace/store/installation"
	"github.com/millrace/millrace/store/objects"
	"github.com/millrace/millrace/store/tenants"
)

// Database says where Postgres is.
type Database struct {
	DatabaseURL string `env:"DATABASE_URL" required:"" help:"Postgres connection string."`
}

// LogValue returns where the database is, and none of the rest of the connection string, in whatever form it is.
func (d Database) LogValue() slog.Value {
	config, err := database.ParseURL(d.DatabaseURL)
	if err != nil {
		return slog.StringValue("(not a connection string)")
	}
	c := config.ConnConfig
	u := url.URL{
		Scheme: "postgres",
		User:   url.User(c.User),
		Host:   net.JoinHostPort(c.Host, strconv.Itoa(int(c.Port))),
		Path:   "/" + c.Database,
	}
	return slog.StringValue(u.String())
}

// Wait is how long a process that starts waits for a database that is unavailable.
type Wait time.Duration

// Forever is the Wait that does not end.
const Forever Wait = -1

const forever = "forever"

// UnmarshalText implements encoding.TextUnmarshaler.
func (w *Wait) UnmarshalText(text []byte) error {
	if string(text) == forever {
		*w = Forever
		return nil
	}
	d, err := time.ParseDuration(string(text))
	if err != nil || d < 0 {
		return fmt.Errorf("expected a duration such as 30s, or %s, but got %s", forever, strconv.Quote(string(text)))
	}
	*w = Wait(d)
	return nil
}

// String implements fmt.Stringer.
func (w Wait) String() string {
	if w == Forever {
		return forever
	}
	return time.Duration(w).String()
}

const (
	// connectInterval is the pause between two attempts to reach the database.
	connectInterval = time.Second
	// attemptTimeout bounds one attempt.
	attemptTimeout = 10 * time.Second
	// sayInterval is how often a process that waits says so.
	sayInterval = 30 * time.Second
)

// whileUnavailable calls f until it succeeds or fails for a reason that waiting does not mend, for as long as wait
// says. It logs the first failure, and then one now and then, or when there is another reason.
func whileUnavailable(ctx context.Context, wait Wait, log *slog.Logger, f func(context.Context) error) error {
	begin := time.Now()
	var said time.Time
	var reason string
	for {
		err := attempt(ctx, f)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return errors.Join(ctx.Err(), err)
		case !passes(err), wait != Forever && time.Since(begin) >= time.Duration(wait):
			return err
		}
		if text := strings.Join(strings.Fields(err.Error()), " "); text != reason || time.Since(said) >= sayInterval {
			log.WarnContext(ctx, "waiting for "+missing(err), "for", time.Since(begin).Round(time.Second), "error", text)
			said = time.Now()
			reason = text
		}
		select {
		case <-ctx.Done():
		case <-time.After(connectInterval):
		}
	}
}

// whileDiffering calls f until it returns another error than agreed.ErrDiffers, for a lease and a half: a process
// that was killed is one that lives until its lease has run out.
func whileDiffering(ctx context.Context, lease time.Duration, log *slog.Logger, f func() error) error {
	begin := time.Now()
	for said := false; ; said = true {
		err := f()
		if !errors.Is(err, agreed.ErrDiffers) || time.Since(begin) > lease*3/2 {
			return err
		}
		if !said {
			log.WarnContext(ctx, "waiting for processes that are configured differently", "error", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(connectInterval):
		}
	}
}

func attempt(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	return f(ctx)
}

// passes reports whether an error of the start goes away when the database comes back, or has a key.
func passes(err error) bool {
	away := store.Unavailable(err) || errors.Is(err, database.ErrReadOnly)
	return away && !database.Permanent(err) || errors.Is(err, errNoKey)
}

// missing returns what a process waits for that starts.
func missing(err error) string {
	switch {
	case errors.Is(err, errNoKey):
		return "a key"
	case errors.Is(err, blocks.ErrUnavailable):
		return "the block store"
	}
	return "the database"
}

// open returns a pool of at most conns connections, or more if the connection string says so. It does not connect.
func (d Database) open(ctx context.Context, conns int) (*pgxpool.Pool, error) {
	return database.Open(ctx, database.Config{URL: d.DatabaseURL, Conns: conns})
}

// checkWritable returns database.ErrReadOnly when the server takes no writes. The next look is on another connection,
// which may lead to another server.
func checkWritable(ctx context.Context, pool *pgxpool.Pool) error {
	err := database.CheckWritable(ctx, pool)
	if errors.Is(err, database.ErrReadOnly) {
		pool.Reset()
	}
	return err
}

// waitForDatabase returns when the database takes writes and has the schema of this version or of a later one.
func waitForDatabase(ctx context.Context, pool *pgxpool.Pool, wait Wait, log *slog.Logger) error {
	err := whileUnavailable(ctx, wait, log, func(ctx context.Context) error { return checkWritable(ctx, pool) })
	if err != nil {
		return fmt.Errorf("connecting to the database: %w", err)
	}
	return whileUnavailable(ctx, wait, log, func(ctx context.Context) error { return migrations.Check(ctx, pool) })
}

// openStore opens the store. It does not connect.
func (s Storage) openStore(pool *pgxpool.Pool) (*store.Store, error) {
	b, err := blocks.Open(s.Blocks, pool)
	if err != nil {
		return nil, err
	}
	opened := store.Open(pool, b, s.Retention)
	name := func(ctx context.Context, id identity.TenantID) (string, error) { return tenants.Name(ctx, pool, id) }
	if opened.Objects, err = objects.Open(s.S3Allow, s.Blocks, name); err != nil {
		return nil, err
	}
	opened.MinFreeBytes = s.MinFreeBytes
	opened.SweepAll = s.SweepAllOrphans
	return opened, nil
}

// Adopt makes a database and a block store belong together, and returns their identity; renew gives them a new one.
func Adopt(ctx context.Context, d Database, s Storage, renew bool) (string, error) {
	pool, err := d.open(ctx, 1)
	if err != nil {
		return "", err
	}
	defer pool.Close()
	if err := migrations.Check(ctx, pool); err != nil {
		return "", err
	}
	opened, err := s.openStore(pool)
	if err != nil {
		return "", err
	}
	id, err := installation.Adopt(ctx, opened, renew)
	return id.String(), err
}

// Migrate brings the database to the schema of this version. It waits for a database that is unavailable. It is safe to
// run twice, and in several processes at once.
func Migrate(ctx context.Context, d Database, wait Wait, log *slog.Logger) error {
	pool, err := database.Open(ctx, database.Config{
		URL:       d.DatabaseURL,
		Conns:     2,
		Migration: true,
	})
	if err != nil {
		return err
	}
	defer pool.Close()
	err = whileUnavailable(ctx, wait, log, func(ctx context.Context) error { return checkWritable(ctx, pool) })
	if err != nil {
		return fmt.Errorf("connecting to the database: %w", err)
	}
	if err := migrations.Up(ctx, pool); err != nil {
		return fmt.Errorf("migrating: %w", err)
	}
	return nil
}

// agreed returns the settings that all processes must agree on. Leases that differ do no harm: each is told with its
// row.
func (c Config) agreed() []agreed.Setting {
	return []agreed.Setting{
		{
			Name:      "s3-allow",
			Value:     strings.Join(c.Storage.S3Allow, " "),
			MayDiffer: true,
		},
		{
			Name:    "blocks",
			Value:   c.Storage.Blocks,
			Instead: "to move the blocks, stop all processes first",
		},
		{
			Name:      "retention",
			Value:     c.Storage.Retention.String(),
			MayDiffer: c.Storage.RetentionMayDiffer,
			Instead:   "to change it while others run, start with --retention-may-differ",
		},
		{
			Name:      "lease",
			Value:     c.Work.Lease.String(),
			MayDiffer: true,
		},
	}
}

// closeTimeout bounds how long the end of a process waits for connections that are in use: a tile that hangs keeps
// them.
const closeTimeout = 5 * time.Second

func (p *Process) closePool() {
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		p.pool.Close()
	}()
	select {
	case <-closed:
	case <-time.After(closeTimeout):
		p.log.Warn("connections to the database are still in use", "connections", p.pool.Stat().AcquiredConns())
	}
}

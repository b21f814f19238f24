package testdb

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	pgxuuid "github.com/vgarvardt/pgx-google-uuid/v5"

	"github.com/millrace/millrace/internal/devdb"
	"github.com/millrace/millrace/migrations"
)

// templateName is the migrated database that New clones, which is much faster than a migration.
const templateName = "template_migrated"

// Shared names the connection string of a server that TestServe of this package runs. Several test processes use it
// instead of one of their own each, for what runs hundreds of them. It must be of the same migrations.
const Shared = "MILLRACE_TEST_POSTGRES"

// Major names the major version that Postgres must have. Tests on one that was chosen fail with it if another one runs,
// because that cannot.
const Major = "MILLRACE_TEST_POSTGRES_MAJOR"

// server is the Postgres of one test process, or a shared one.
type server struct {
	start    sync.Once
	startErr error
	db       *devdb.Server // nil if it is shared
	url      string
	prefix   string // of the names of databases
	admin    *pgxpool.Pool

	template    sync.Once
	templateErr error

	databases atomic.Int64
}

// ensure starts the server on the first call. It takes no context, because the server must outlive the test that calls
// first.
func (s *server) ensure() error {
	s.start.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
		defer cancel()
		if s.startErr = s.find(ctx); s.startErr == nil {
			s.admin, s.startErr = pgxpool.New(ctx, s.url)
		}
		if want := os.Getenv(Major); s.startErr == nil && want != "" {
			s.startErr = s.checkMajor(ctx, want)
		}
	})
	return s.startErr
}

// checkMajor returns an error if Postgres has another major version.
func (s *server) checkMajor(ctx context.Context, want string) error {
	var got string
	if err := s.admin.QueryRow(ctx, "SHOW server_version").Scan(&got); err != nil {
		return err
	}
	if major, _, _ := strings.Cut(got, "."); major != want {
		return fmt.Errorf("PostgreSQL %s runs, want %s by %s", got, want, Major)
	}
	return nil
}

// find takes the shared server, or starts one.
func (s *server) find(ctx context.Context) (err error) {
	if s.url = os.Getenv(Shared); s.url != "" {
		s.prefix = fmt.Sprintf("test_%d_", os.Getpid())
		return nil
	}
	s.prefix = "test_"
	if s.db, err = devdb.Start(ctx, devdb.Config{NoFsync: true, NoDownload: true}); err == nil {
		s.url = s.db.URL()
	}
	return err
}

func (s *server) stop() error {
	if s.admin != nil {
		s.admin.Close()
	}
	if s.db != nil {
		return s.db.Stop()
	}
	return nil
}

// createEmpty creates a database and returns its name.
func (s *server) createEmpty(ctx context.Context) (string, error) {
	return s.createFrom(ctx, "template0")
}

// createMigrated creates a database with the schema of all migrations and returns its name.
func (s *server) createMigrated(ctx context.Context) (string, error) {
	if err := s.ensureTemplate(); err != nil {
		return "", err
	}
	return s.createFrom(ctx, templateName)
}

func (s *server) createFrom(ctx context.Context, template string) (string, error) {
	if err := s.ensure(); err != nil {
		return "", err
	}
	name := s.prefix + strconv.FormatInt(s.databases.Add(1), 10)
	return name, s.copy(ctx, name, template)
}

// copy creates a database as a copy of the files of another one: through the log, the default, it takes Postgres seven
// times as long.
func (s *server) copy(ctx context.Context, name, template string) error {
	if _, err := s.admin.Exec(ctx, "CREATE DATABASE "+name+" STRATEGY file_copy TEMPLATE "+template); err != nil {
		return fmt.Errorf("create the database %s: %w", name, err)
	}
	return nil
}

func (s *server) ensureTemplate() error {
	s.template.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
		defer cancel()
		s.templateErr = s.createTemplate(ctx)
	})
	return s.templateErr
}

func (s *server) createTemplate(ctx context.Context) error {
	if err := s.ensure(); err != nil || s.db == nil {
		return err // a shared one has it
	}
	if err := s.copy(ctx, templateName, "template0"); err != nil {
		return err
	}
	pool, err := s.connect(ctx, templateName)
	if err != nil {
		return err
	}
	// A database to which there are connections cannot be cloned.
	defer pool.Close()
	if err := migrations.Up(ctx, pool); err != nil {
		return fmt.Errorf("migrate the template database: %w", err)
	}
	return nil
}

// drop drops the database of a test, so that only the databases of running tests take disk space.
func (s *server) drop(ctx context.Context, name string) error {
	if _, err := s.admin.Exec(ctx, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
		return fmt.Errorf("drop the database %s: %w", name, err)
	}
	return nil
}

func (s *server) connect(ctx context.Context, name string) (*pgxpool.Pool, error) {
	u, err := url.Parse(s.url)
	if err != nil {
		return nil, fmt.Errorf("database URL: %w", err)
	}
	u.Path = "/" + name
	cfg, err := pgxpool.ParseConfig(u.String())
	if err != nil {
		return nil, fmt.Errorf("database URL: %w", err)
	}
	cfg.MaxConns = maxConns
	cfg.AfterConnect = func(_ context.Context, conn *pgx.Conn) error {
		pgxuuid.Register(conn.TypeMap()) // as package database does
		return nil
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("connect to the database %s: %w", name, err)
	}
	return pool, nil
}

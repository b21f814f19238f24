package server

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"time"

	"github.com/millrace/millrace/handlers"
	"github.com/millrace/millrace/handlers/guard"
	"github.com/millrace/millrace/identity/oidc"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/jobs/admission"
	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/jobs/queue/deliver"
	"github.com/millrace/millrace/server/certificate"
	"github.com/millrace/millrace/server/externalmetrics"
	"github.com/millrace/millrace/store/blocks"
	"github.com/millrace/millrace/store/quota"
	"github.com/millrace/millrace/store/retention"
)

// Config is the configuration of a process. The command line fills in its parts by their kong tags.
type Config struct {
	Role     Role
	Database Database
	Wait     Wait // at the start, for a database that is unavailable
	Storage  Storage
	Limits   Limits // of the API
	Pages    Pages  // of the API
	Access   Access // to the API
	Hosts    Hosts
	Clients  Clients                  // of the API
	Webhooks Webhooks                 // that the API sends
	TLS      certificate.Files        // of the API
	External externalmetrics.Settings // of the API
	OIDC     oidc.Settings            // of the API
	Work     Work                     // an API uses SoftStop, its grace period, and Lease only

	Addr    string        // of the API; port 0 is a free one; unused by a worker
	OpsAddr string        // of /metrics, /livez and /readyz; port 0 is a free one
	Drain   time.Duration // how long the process still accepts requests after the order to stop

	Stopping

	LastScrape time.Duration // how long /metrics is served after the last tile, unless it is scraped before
}

// Stopping says what the process knows of how it is stopped.
type Stopping struct {
	StopWithin time.Duration `default:"0s" help:"How long after SIGTERM the process is killed, in Kubernetes terminationGracePeriodSeconds: it warns if it may need longer. 0 is not known."`
}

// Storage says where the contents of matrices are kept, and for how long.
type Storage struct {
	Blocks    string        `default:"postgres" help:"Block store of large matrices: postgres, file:///directory, which all processes must share, or s3://bucket/prefix?endpoint=…&region=…."`
	Retention time.Duration `default:"24h" help:"How long multiplications and matrices are kept after their last use."`

	RetentionMayDiffer bool `help:"Start although other processes have another retention: while all are being given a new one."`
	Buckets
	Keeping
}

// Buckets says which objects of users may be operands and outputs.
type Buckets struct {
	S3Allow []string `name:"s3-allow" env:"MILLRACE_S3_ALLOW" placeholder:"BUCKET/PREFIX=MODES" sep:" " help:"Part of a bucket whose objects may be operands (read) or outputs (write): [TENANT:]bucket/prefix=read,write, or with an address, s3://bucket/prefix?endpoint=…&region=…=read. None by default; several are separated by spaces, or given by several flags."`
}

// Keeping says what the process does when the block store is almost full, or looks like another installation's.
type Keeping struct {
	MinFreeBytes    int64 `default:"1073741824" help:"Free space of a block store in a directory, in bytes, below which uploads and submissions that need it are refused with 507; at most a tenth of its volume counts. 0 is off."`
	SweepAllOrphans bool  `help:"Delete blocks without a row also if they are more than a quarter of all; for one start, after a look at the warning."`
}

// Limits bounds what requests may ask for.
type Limits struct {
	MaxMatrixBytes   int64         `default:"68719476736" help:"Largest matrix that is accepted or computed, random ones too, in bytes."`
	MaxTiles         int64         `default:"50000" help:"Largest multiplication, in tiles."`
	MaxStoredBytes   int64         `default:"0" help:"How many bytes the results of unfinished multiplications may still need in the block store; 0 is 80 % of what is free there, or 64 GiB where that is not known, in postgres and in a bucket."`
	MaxQueued        time.Duration `default:"24h" help:"How long the workers may take for what a tenant has queued; further submissions get a 429. 0 is any time."`
	MaxQueuedSmall   time.Duration `default:"5m" help:"How long the workers may take for the small multiplications of all tenants that are queued; further ones get a 429. 0 is any time."`
	MaxRetention     time.Duration `default:"168h" help:"Longest retention that a submission may ask for; --retention may be asked for in any case."`
	Reuse            bool          `default:"true" negatable:"" help:"Let a multiplication have the result of an earlier one of the same matrices, instead of computing it again; a submission may refuse that."`
	GlobalPriorities bool          `help:"Let the priorities of all clients count against those of other tenants. By default only those of keys with the scope admin do, and of others they count among the multiplications of their own tenant."`
	TenantQuotas     Quotas        `embed:"" prefix:"tenant-"`
	MaxJSONValues    int64         `default:"0" help:"Largest matrix that is served as JSON, in elements; 0 means no limit but that of matrices."`
}

// Quotas are what tenants may have that have no quotas of their own.
type Quotas struct {
	StoredBytes   int64   `default:"0" help:"How many bytes the matrices of a tenant may take, unless it has a quota of its own; 0 means no limit."`
	QueuedSeconds float64 `default:"0" help:"How many seconds of a core the unfinished multiplications of a tenant may take, unless it has a quota of its own; 0 means no limit."`
	Requests      float64 `default:"0" help:"How many requests a tenant may send in a second, unless it has a quota of its own; 0 means no limit."`
}

// valid reports whether none is negative.
func (q Quotas) valid() bool { return q.StoredBytes >= 0 && q.QueuedSeconds >= 0 && q.Requests >= 0 }

// Pages says which pages are served beside the API.
type Pages struct {
	RiverUI *bool `name:"river-ui" negatable:"" help:"Serve River UI at /riverui/, where jobs can be retried, cancelled and deleted. It needs a key with the scope admin. By default everywhere but where --insecure-no-auth lets other machines in."`
}

// riverUI reports whether River UI is served: unless that is decided, where a key is needed or only this machine
// reaches it.
func (c Config) riverUI() bool {
	if c.Pages.RiverUI != nil {
		return *c.Pages.RiverUI
	}
	tcp, err := net.ResolveTCPAddr("tcp", c.Addr)
	return !c.Access.InsecureNoAuth || err == nil && tcp.IP.IsLoopback()
}

// Hosts says by which names a process may be addressed where it listens on a loopback address.
type Hosts struct {
	AllowedHosts []string `help:"Names that requests may have as their host where the address is a loopback address, besides localhost: those of a proxy on this machine. Others are refused, because a web page can make its name resolve to this machine."`
}

// Clients bounds what the clients of the API hold open, and says how they are told apart.
type Clients struct {
	MaxConnections int            `default:"4096" help:"How many connections to the API may be open at once, half of them those of one client; further ones get a 503. 0 is any number."`
	MaxWaiting     int            `default:"2048" help:"How many event streams and waits (Prefer: wait) may be open at once, half of them those of one client; further ones get a 503, and a 429 if it is for the client. 0 is any number."`
	TrustedProxies []netip.Prefix `default:"127.0.0.0/8,::1/128" help:"Networks of proxies in front of the API. Their connections count as a whole only, and X-Forwarded-For tells the client of a request. Any other address is one client; in IPv6 its /64."`
}

func (c Clients) handlers(refusals *guard.Refusals) handlers.Clients {
	return handlers.Clients{
		Proxies:    c.TrustedProxies,
		MaxWaiting: c.MaxWaiting,
		Refusals:   refusals,
	}
}

// Webhooks says what the process sends to the receivers of webhooks, and where to.
type Webhooks struct {
	WebhookConcurrency int            `default:"16" help:"How many messages of webhooks the process sends at once, half of them to one receiver; 0 is none."`
	WebhookAllow       []netip.Prefix `help:"Networks that webhooks may call besides public addresses, and by HTTP without TLS, like 10.1.0.0/16."`
}

// deliver returns the part of the configuration that is about sending. There, 0 is the default.
func (w Webhooks) deliver() deliver.Config {
	config := deliver.Config{Concurrency: w.WebhookConcurrency, Allow: w.WebhookAllow}
	if config.Concurrency == 0 {
		config.Concurrency = -1
	}
	return config
}

// Work says how a process works on tiles.
type Work struct {
	BLAS     string        `name:"blas" help:"Kernel: a file (a BLAS library), builtin, avx512, avx2, neon or gonum; empty for the fastest of this machine."`
	Tiles    int           `help:"Concurrency of tiles; 0 is one per CPU, and not more than one per 400 MiB of the memory limit." default:"0"`
	Small    int           `help:"Concurrency of small multiplications; 0 is eight per CPU." default:"0"`
	SoftStop time.Duration `help:"Grace period: how long running tiles may take to finish after SIGTERM before they go back to the queue." default:"25s"`
	Lease    time.Duration `help:"How long a worker may be silent before its tiles are given to other workers." default:"10s"`

	TileTimeout time.Duration `help:"How long a tile may take before it is ended and tried again, at most 15m. A process in which it cannot be ended ends with an error." default:"15m"`
}

// Validate returns an error that names the flag if a value is out of range.
func (c Config) Validate() error {
	switch {
	case c.Work.Tiles < 0 || c.Work.Small < 0:
		return fmt.Errorf("--tiles and --small must not be negative, they are %d and %d", c.Work.Tiles, c.Work.Small)
	case c.Work.Lease < time.Second:
		return fmt.Errorf("--lease must be at least 1s, it is %s", c.Work.Lease)
	case c.Work.TileTimeout < 0 || c.Work.TileTimeout > queue.MaxTileTimeout: // 0 is the default
		return fmt.Errorf("--tile-timeout must be from 1ns to %s, it is %s", queue.MaxTileTimeout, c.Work.TileTimeout)
	case c.Work.SoftStop <= 0:
		return fmt.Errorf("--soft-stop must be more than 0, it is %s", c.Work.SoftStop)
	case c.Limits.MaxMatrixBytes < 0 || c.Limits.MaxTiles < 0 || c.Limits.MaxStoredBytes < 0:
		return fmt.Errorf("--max-matrix-bytes, --max-tiles and --max-stored-bytes must not be negative, "+
			"they are %d, %d and %d",
			c.Limits.MaxMatrixBytes, c.Limits.MaxTiles, c.Limits.MaxStoredBytes)
	case !c.Limits.TenantQuotas.valid():
		return fmt.Errorf("--tenant-stored-bytes, --tenant-queued-seconds and --tenant-requests must not be negative, "+
			"they are %d, %g and %g", c.Limits.TenantQuotas.StoredBytes, c.Limits.TenantQuotas.QueuedSeconds,
			c.Limits.TenantQuotas.Requests)
	case c.Limits.MaxQueued < 0 || c.Limits.MaxQueuedSmall < 0:
		return fmt.Errorf("--max-queued and --max-queued-small must not be negative, they are %s and %s",
			c.Limits.MaxQueued, c.Limits.MaxQueuedSmall)
	case c.Access.Auth && c.Access.InsecureNoAuth:
		return errors.New("--auth and --insecure-no-auth contradict each other, give one of them")
	case c.Drain < 0:
		return fmt.Errorf("--drain must not be negative, it is %s", c.Drain)
	case c.Storage.MinFreeBytes < 0:
		return fmt.Errorf("--min-free-bytes must not be negative, it is %d", c.Storage.MinFreeBytes)
	case c.Clients.MaxConnections < 0 || c.Clients.MaxWaiting < 0:
		return fmt.Errorf("--max-connections and --max-waiting must not be negative, they are %d and %d",
			c.Clients.MaxConnections, c.Clients.MaxWaiting)
	case c.Webhooks.WebhookConcurrency < 0:
		return fmt.Errorf("--webhook-concurrency must not be negative, it is %d", c.Webhooks.WebhookConcurrency)
	case c.LastScrape < 0 || c.StopWithin < 0:
		return fmt.Errorf("--last-scrape and --stop-within must not be negative, they are %s and %s",
			c.LastScrape, c.StopWithin)
	case c.Storage.Retention < time.Minute:
		return fmt.Errorf("--retention must be at least 1m, it is %s", c.Storage.Retention)
	case c.Limits.MaxRetention < 0 || c.Limits.MaxRetention > retention.Most:
		return fmt.Errorf("--max-retention must be from 0 to %s, it is %s", retention.Most, c.Limits.MaxRetention)
	}
	return errors.Join(c.TLS.Validate(), c.OIDC.Validate(), c.External.Validate())
}

// LogValue returns what a process of the role uses of the configuration, without secrets.
func (c Config) LogValue() slog.Value {
	attrs := []slog.Attr{
		slog.Any("database", c.Database),
		slog.String("blocks", blocks.Redact(c.Storage.Blocks)),
		slog.Duration("retention", c.Storage.Retention),
		slog.String("ops_addr", c.OpsAddr),
		slog.Duration("soft_stop", c.Work.SoftStop),
		slog.Duration("lease", c.Work.Lease),
	}
	if c.Role.works() {
		attrs = append(attrs, slog.Int("tiles", c.Work.tiles()), slog.Int("small", c.Work.small()))
	}
	if c.Role.serves() {
		attrs = append(attrs,
			slog.String("addr", c.Addr),
			slog.Bool("tls", c.TLS.Given()),
			slog.String("external_metrics", c.External.Address),
			slog.String("oidc_issuer", c.OIDC.OIDCIssuer),
			slog.Bool("river_ui", c.riverUI()),
			slog.Duration("drain", c.Drain),
		)
	}
	return slog.GroupValue(attrs...)
}

// apiConnections is the number of database connections of an API: requests hold one only while a statement runs.
const apiConnections = 16

// connections is the number of database connections of a process, without the one that renews its lease. A slot for
// small multiplications waits for the database rather than for a CPU, so it counts like one for tiles, up to a limit.
func (c Config) connections() int {
	n := 0
	if c.Role.serves() {
		n += apiConnections
	}
	if c.Role.works() {
		n += min(32, c.Work.small()) + c.Work.tiles() + 4
	}
	return n - 1
}

// jobs returns the part of the configuration that is the queue's.
func (c Config) jobs() queue.Config {
	return queue.Config{
		Work:     c.Role.works(),
		Lead:     c.Role.serves(),
		Tiles:    c.Work.tiles(),
		Small:    c.Work.small(),
		SoftStop: c.Work.SoftStop,
		HardStop: c.hardStop(),
		Lease:    c.Work.Lease,
		Timeout:  c.Work.TileTimeout,
		Settings: c.agreed(),
		Webhooks: c.Webhooks.deliver(),
	}
}

func (w Work) small() int {
	if w.Small > 0 {
		return w.Small
	}
	return 8 * runtime.GOMAXPROCS(0)
}

func (l Limits) handlers() handlers.Limits {
	return handlers.Limits{
		MaxMatrixBytes:   l.MaxMatrixBytes,
		MaxJSONValues:    l.MaxJSONValues,
		GlobalPriorities: l.GlobalPriorities,
	}
}

func (l Limits) jobs() jobs.Limits {
	return jobs.Limits{
		MaxTiles:    l.MaxTiles,
		MaxReserved: l.MaxStoredBytes,
		Quotas: quota.Limits{
			StoredBytes:   l.TenantQuotas.StoredBytes,
			QueuedSeconds: l.TenantQuotas.QueuedSeconds,
			Requests:      l.TenantQuotas.Requests,
		},
		Queued:       admission.Limits{Tiles: l.MaxQueued, Small: l.MaxQueuedSmall},
		Reuse:        l.Reuse,
		MaxRetention: l.MaxRetention,
	}
}

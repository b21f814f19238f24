// Package agreed compares the settings that all processes must agree on. A process tells its own beside its lease,
// and refuses to start beside one that lives and has others.
package agreed

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/millrace/millrace/jobs/queue/internal/db"
)

// Setting is a value that all processes must agree on.
type Setting struct {
	Name      string // of the flag
	Value     string
	MayDiffer bool   // a difference is a warning, here and where a process with another value starts
	Instead   string // what to do instead of a difference
}

// ErrDiffers means that a process that lives has another value.
var ErrDiffers = errors.New("all processes must agree")

// mayDiffer begins the name under which a process says that a setting of it may differ.
const mayDiffer = "may differ: "

// Join tells the settings of a process that has a lease, if those that live agree with them. Otherwise it returns
// ErrDiffers: then the process must not start, and give up its lease. The lease is that of processes of the version
// before.
func Join(
	ctx context.Context, q *db.Queries, process string, lease time.Duration, settings []Setting, log *slog.Logger,
) error {
	c := comparison{
		db:       q,
		process:  process,
		lease:    lease,
		settings: settings,
	}
	if _, err := c.compare(ctx); err != nil {
		return err
	}
	for _, s := range settings {
		if err := c.save(ctx, s); err != nil {
			return fmt.Errorf("saving the setting %s: %w", s.Name, err)
		}
	}
	others, err := c.compare(ctx) // one that started at the same time sees these settings, or its own are seen here
	for _, o := range others {
		log.WarnContext(ctx, "this process is configured differently",
			slog.String("setting", o.Name),
			slog.String("value", c.own(o.Name).Value),
			slog.String("others", o.Value),
			slog.String("process", o.Process),
			slog.Int64("processes", o.Processes),
		)
	}
	return err
}

// comparison compares the settings of one process with those of others.
type comparison struct {
	db       *db.Queries
	process  string
	lease    time.Duration
	settings []Setting
}

// compare returns what others have set differently, and ErrDiffers if that may not be.
func (c *comparison) compare(ctx context.Context) ([]db.ListOtherSettingsRow, error) {
	p := db.ListOtherSettingsParams{
		Allowed: mayDiffer,
		Process: c.process,
		Lease:   c.lease,
	}
	for _, s := range c.settings {
		p.Names = append(p.Names, s.Name)
		p.Values = append(p.Values, s.Value)
	}
	others, err := c.db.ListOtherSettings(ctx, p)
	if err != nil {
		return nil, fmt.Errorf("reading the settings of other processes: %w", err)
	}
	for _, o := range others {
		if own := c.own(o.Name); !own.MayDiffer && !o.Allowed {
			return nil, fmt.Errorf("--%s is %s, and in %d running processes, such as %s, it is %s: %w; %s",
				own.Name, own.Value, o.Processes, o.Process, o.Value, ErrDiffers, own.Instead)
		}
	}
	return others, nil
}

// own returns the setting of this process.
func (c *comparison) own(name string) Setting {
	for _, s := range c.settings {
		if s.Name == name {
			return s
		}
	}
	return Setting{}
}

// save tells a setting to processes that start later.
func (c *comparison) save(ctx context.Context, s Setting) error {
	if err := c.db.SaveSetting(ctx, c.process, s.Name, s.Value); err != nil || !s.MayDiffer {
		return err
	}
	return c.db.SaveSetting(ctx, c.process, mayDiffer+s.Name, "true")
}

package keys

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"text/tabwriter"

	"github.com/millrace/millrace/cli/usage"
	"github.com/millrace/millrace/server"
)

// TenantCommands are the commands on tenants.
type TenantCommands struct {
	List tenantsListCommand `cmd:"" help:"List tenants with their weights and quotas."`
	Set  tenantsSetCommand  `cmd:"" help:"Change a tenant, or make it."`
}

// tenantsListCommand lists tenants.
type tenantsListCommand struct{ server.Database }

// Run implements the command.
func (c *tenantsListCommand) Run(ctx context.Context, out Output) error {
	tenants, err := server.Tenants(ctx, c.Database)
	if err != nil {
		return err
	}
	return printTenants(out.Out, tenants)
}

func printTenants(out io.Writer, tenants []server.Tenant) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tWEIGHT\tSTORED BYTES\tQUEUED SECONDS\tREQUESTS/S")
	for _, t := range tenants {
		fmt.Fprintf(w, "%s\t%g\t%s\t%s\t%s\n", t.Name, t.Weight,
			ownLimit(t.MaxStoredBytes), ownLimit(t.MaxQueuedSeconds), ownLimit(t.MaxRequests))
	}
	return w.Flush()
}

// ownLimit returns a limit as people read it, and as tenants set takes it.
func ownLimit[T int64 | float64](limit *T) string {
	switch {
	case limit == nil:
		return byDefault
	case *limit == 0:
		return unlimited
	}
	return fmt.Sprint(*limit)
}

// The words for limits that are no numbers.
const (
	byDefault = "default"
	unlimited = "none"
)

// tenantsSetCommand changes a tenant.
type tenantsSetCommand struct {
	server.Database
	Name          string  `arg:"" help:"Name of the tenant. It is made if there is none of the name."`
	Weight        float32 `help:"Its share of the workers, against those of other tenants: 0.001 to 1000."`
	StoredBytes   string  `placeholder:"N" help:"How many bytes its matrices may take: a number, none, or default for what the settings of the API say."`
	QueuedSeconds string  `placeholder:"N" help:"How many seconds of a core its unfinished multiplications may take: a number, none, or default."`
	Requests      string  `placeholder:"N" help:"How many requests it may send in a second: a number, none, or default."`
}

// Run implements the command.
func (c *tenantsSetCommand) Run(ctx context.Context, out Output) error {
	change := server.TenantChange{Weight: c.Weight}
	const lightest, heaviest = 0.001, 1000
	if c.Weight != 0 && (c.Weight < lightest || c.Weight > heaviest) {
		return usage.Errorf("--weight must be from %g to %d, it is %g", lightest, heaviest, c.Weight)
	}
	var err error
	if change.StoredBytes, err = parseLimit("--stored-bytes", c.StoredBytes, parseBytes); err != nil {
		return err
	}
	if change.QueuedSeconds, err = parseLimit("--queued-seconds", c.QueuedSeconds, parseNumber); err != nil {
		return err
	}
	if change.Requests, err = parseLimit("--requests", c.Requests, parseNumber); err != nil {
		return err
	}
	made, err := server.SetTenant(ctx, c.Database, c.Name, change)
	if errors.Is(err, server.ErrTenantName) {
		return usage.Errorf("%v", err)
	}
	if err != nil {
		return err
	}
	verb := "changed"
	if made {
		verb = "made"
	}
	fmt.Fprintf(out.Out, "Tenant %s was %s.\n", c.Name, verb)
	return nil
}

func parseBytes(text string) (int64, error)    { return strconv.ParseInt(text, 10, 64) }
func parseNumber(text string) (float64, error) { return strconv.ParseFloat(text, 64) }

// parseLimit reads the limit that a flag sets.
func parseLimit[T int64 | float64](flag, text string, parse func(string) (T, error)) (server.Changed[T], error) {
	switch text {
	case "":
		return server.Changed[T]{}, nil
	case byDefault:
		return server.Changed[T]{Set: true}, nil
	case unlimited:
		return server.Changed[T]{Set: true, To: new(T)}, nil
	}
	n, err := parse(text)
	if err != nil || n <= 0 || n > maxLimit || math.IsNaN(float64(n)) {
		return server.Changed[T]{}, usage.Errorf("%s must be a positive number, %s or %s, it is %.40q",
			flag, unlimited, byDefault, text)
	}
	return server.Changed[T]{Set: true, To: &n}, nil
}

// maxLimit is the largest limit that can be set.
const maxLimit = 1 << 60

// Package keys has the commands on keys of the API, and on tenants. They work on the database, so that the first key
// needs none.
package keys

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/millrace/millrace/cli/usage"
	"github.com/millrace/millrace/server"
)

// Commands are the commands on keys.
type Commands struct {
	Create createCommand `cmd:"" help:"Make a key, and print its token, which is shown once."`
	List   listCommand   `cmd:"" help:"List the keys, the newest first, without their tokens."`
	Revoke revokeCommand `cmd:"" help:"Revoke keys, for good: every server refuses them within a second."`
}

// Output is where commands print: results, and what is beside them.
type Output struct{ Out, Err io.Writer }

// createCommand makes a key.
type createCommand struct {
	server.Database
	Name         string         `required:"" help:"What people call the key: the program or the person that has it."`
	Tenant       string         `default:"default" help:"To whom belongs what is made with the key."`
	CreateTenant bool           `help:"Make the tenant, if there is none; without this flag a name that is not known is refused, as it may be a slip."`
	Scopes       []server.Scope `default:"read,submit" help:"What the key is good for: read for what changes nothing, submit for what makes, changes and deletes resources, admin for all, also keys and River UI."`
	Expires      lifetime       `default:"90d" help:"How long the key is valid: days as 90d, a duration as 12h, or never."`
	JSON         bool           `help:"Print the key and its token as one line of JSON."`
}

// Run implements the command.
func (c *createCommand) Run(ctx context.Context, out Output) error {
	order := server.KeyOrder{
		Tenant: c.Tenant,
		Name:   c.Name,
		Scopes: c.Scopes,
	}
	if c.Expires > 0 {
		order.Expires = time.Now().Add(time.Duration(c.Expires))
	}
	key, token, err := server.CreateKey(ctx, c.Database, order, c.CreateTenant)
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(out.Out).Encode(createdKey{keyJSON: newJSON(key), Token: token})
	}
	fmt.Fprintf(out.Err, "Key %s of the tenant %s for %s, valid %s. Its token is not shown again:\n",
		key.ID, key.Tenant, scopes(key), until(key))
	_, err = fmt.Fprintln(out.Out, token)
	return err
}

// listCommand lists keys.
type listCommand struct {
	server.Database
	Tenant string `help:"Only the keys of this tenant."`
	JSON   bool   `help:"Print one line of JSON for each key."`
}

// Run implements the command.
func (c *listCommand) Run(ctx context.Context, out Output) error {
	list, err := server.ListKeys(ctx, c.Database, c.Tenant)
	if err != nil {
		return err
	}
	if c.JSON {
		encoder := json.NewEncoder(out.Out)
		for _, key := range list {
			if err := encoder.Encode(newJSON(key)); err != nil {
				return err
			}
		}
		return nil
	}
	if len(list) == 0 {
		fmt.Fprintln(out.Err, `There are no keys. "millrace keys create --name=admin --scopes=admin" makes one.`)
		return nil
	}
	table := tabwriter.NewWriter(out.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tNAME\tTENANT\tSCOPES\tSTATE\tVALID\tLAST USED")
	for _, key := range list {
		used := "never"
		if key.LastUsed != nil {
			used = date(*key.LastUsed)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n",
			key.ID, key.Name, key.Tenant, scopes(key), key.State(time.Now()), until(key), used)
	}
	return table.Flush()
}

// revokeCommand revokes keys.
type revokeCommand struct {
	server.Database
	IDs []string `arg:"" name:"id" help:"Ids of keys, as list shows them; no tokens."`
}

// Run implements the command.
func (c *revokeCommand) Run(ctx context.Context, out Output) error {
	for _, id := range c.IDs {
		if strings.HasPrefix(id, "mr_") {
			return usage.Errorf("revoke takes the id of a key, the %d characters after mr_, and no token: other processes of "+
				"this machine may see the arguments of a command", idLength)
		}
		if err := server.RevokeKey(ctx, c.Database, id); err != nil {
			return err
		}
		fmt.Fprintf(out.Out, "The key %s is revoked.\n", id)
	}
	return nil
}

const idLength = 10

// keyJSON is a key as the commands print it.
type keyJSON struct {
	ID       string         `json:"id"`
	Name     string         `json:"name"`
	Tenant   string         `json:"tenant"`
	Scopes   []server.Scope `json:"scopes"`
	State    string         `json:"state"`
	Created  time.Time      `json:"created_at"`
	Expires  *time.Time     `json:"expires_at,omitempty"`
	Revoked  *time.Time     `json:"revoked_at,omitempty"`
	LastUsed *time.Time     `json:"last_used_at,omitempty"`
}

type createdKey struct {
	keyJSON
	Token string `json:"token"`
}

func newJSON(k server.Key) keyJSON {
	return keyJSON{
		ID:       k.ID,
		Name:     k.Name,
		Tenant:   k.Tenant,
		Scopes:   k.Scopes,
		State:    k.State(time.Now()),
		Created:  k.Created,
		Expires:  k.Expires,
		Revoked:  k.Revoked,
		LastUsed: k.LastUsed,
	}
}

func scopes(k server.Key) string {
	names := make([]string, len(k.Scopes))
	for i, s := range k.Scopes {
		names[i] = string(s)
	}
	return strings.Join(names, ",")
}

func until(k server.Key) string {
	if k.Expires == nil {
		return "for ever"
	}
	return "until " + date(*k.Expires)
}

func date(t time.Time) string { return t.Local().Format("2006-01-02 15:04") }

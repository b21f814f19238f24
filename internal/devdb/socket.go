package devdb

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Postgres makes its socket in its working directory, the data directory, which no other user can enter.
const (
	socketDirectory = "."
	socketPrefix    = ".s.PGSQL."

	// maxSocketPath is what the addresses of sockets hold on all systems, in bytes.
	maxSocketPath = 103
)

// socketURL returns the connection string of one database of the cluster through its socket, or an empty one if the
// path of the socket is too long for an address.
func (c *cluster) socketURL(port uint32, database string) string {
	number := strconv.FormatUint(uint64(port), 10)
	if len(filepath.Join(c.dir.data(), socketPrefix+number)) > maxSocketPath {
		return ""
	}
	u := url.URL{
		Scheme: "postgres",
		User:   url.UserPassword(roleName, c.password),
		Path:   "/" + database,
		RawQuery: url.Values{
			"host":    {c.dir.data()},
			"port":    {number},
			"sslmode": {"disable"},
		}.Encode(),
	}
	return u.String()
}

// removeSockets removes what servers that were killed have left, each of which had a port of its own.
func (d *directory) removeSockets() error {
	entries, err := os.ReadDir(d.data())
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), socketPrefix) {
			err = errors.Join(err, os.Remove(filepath.Join(d.data(), e.Name())))
		}
	}
	if err != nil {
		return fmt.Errorf("remove old sockets of Postgres: %w", err)
	}
	return nil
}

// LocalURL is the connection string of the database, with its password, for processes of the user of this one: through
// a Unix socket, which takes less CPU time than TCP, unless its path is too long for one.
func (s *Server) LocalURL() string { return cmp.Or(s.socketURL, s.url) }

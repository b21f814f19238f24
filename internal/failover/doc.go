// Package failover contains the tests of Millrace with what operators put before and beside a Postgres: a standby that
// takes over, and a pooler.
package failover

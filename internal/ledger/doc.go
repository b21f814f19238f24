// Package ledger contains the test that keeps books while everything is broken: an API and workers, real processes on a
// Postgres of their own, work under a mixed load; the database and the workers are killed, frozen, slowed down and
// locked; and each multiplication that was accepted must end once, in time, with the right values.
//
// `go test` runs a short form; `make ledger` the whole, with about twenty crashes of Postgres. TestChaos does the
// same in an order that a seed decides, with several APIs; TestUpgrade with the version before, TestBackup with what
// is restored. TestSoak breaks nothing, and looks for what grows.
package ledger

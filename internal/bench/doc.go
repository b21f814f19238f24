// Package bench contains the benchmark of whole systems: `make bench-system` puts the built program, on a Postgres of
// its own, under the loads that the goals of docs/performance.md are about, and writes what it measures there. A
// second program, and any service that a file describes, are measured beside it, in alternating rounds.
//
// `make bench-numpy` compares large multiplications with NumPy.
//
// `go test` runs a short form on the test binary, which checks the benchmark and measures nothing.
package bench

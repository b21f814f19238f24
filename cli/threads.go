package cli

import (
	"os"
	"runtime"
)

// maxSpareThreads is how many more threads than CPUs run the code of an API at most.
const maxSpareThreads = 4

// spareThreads lets more threads than CPUs run the code of an API, up to twice as many, unless GOMAXPROCS or a limit of
// the container says how many there are. A thread of Go looks for what has come over the network only when it has
// nothing else to do. While all of them are busy with requests, responses of the database wait, for up to 10 ms, and
// with them the next transaction. A spare thread has nothing else to do: the system runs it as soon as one comes.
func spareThreads() {
	_, set := os.LookupEnv("GOMAXPROCS")
	if procs := runtime.GOMAXPROCS(0); !set && procs == runtime.NumCPU() {
		runtime.GOMAXPROCS(procs + min(procs, maxSpareThreads))
	}
}

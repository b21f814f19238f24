package bench_test

import (
	"flag"
	"os"
	"testing"

	"github.com/millrace/millrace/internal/reexec"
)

// The flags of the benchmark, after -args. Without -program the short form runs.
var (
	programFlag = flag.String("program", "", "measure this `file`, a built millrace")
	otherFlag   = flag.String("other", "", "measure also this `file`, another millrace, in alternating rounds")
	besideFlag  = flag.String("beside", "", "measure also the service that this `file` describes; see type adapter")
	rowsFlag    = flag.String("rows", "", "measure only these `rows`, separated by commas")
	roundsFlag  = flag.Int("rounds", 3, "number of rounds")
	resultsFlag = flag.String("results", "", "`file` of the results; rows that are not measured keep theirs")
	docsFlag    = flag.String("docs", "", "`folder` whose performance.md gets the figures")
	commitFlag  = flag.String("commit", "unknown", "`name` of what is measured")
	lockFlag    = flag.String("lock", "", "hold a lock on this `file` during each round, as flock does")
)

func TestMain(m *testing.M) {
	reexec.Main()
	workMain()
	os.Exit(m.Run())
}

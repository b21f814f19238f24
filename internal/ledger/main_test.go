package ledger_test

import (
	"flag"
	"os"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/reexec"
	"github.com/millrace/millrace/internal/testdb"
)

// The flags of the tests that take minutes, after -args.
var (
	seedFlag    = flag.Uint64("seed", 1, "seed of the faults of the chaos")
	chaosFlag   = flag.Duration("chaos", 8*time.Second, "how long there are faults")
	upgradeFlag = flag.Bool("upgrade", false, "build the version before, and upgrade from it")
	docsFlag    = flag.String("docs", "", "`folder` that gets the curves of the soak")
	soakFlag    = flag.Duration("soak", 0, "run the soak for this `time`")
)

func TestMain(m *testing.M) {
	reexec.Main()
	testdb.Main(m)
}

// whole reports whether the whole test runs, and not its short form.
func whole() bool { return os.Getenv("MILLRACE_LEDGER") == "whole" }

// scale returns a number of the short form, or of the whole.
func scale[T any](short, long T) T {
	if whole() {
		return long
	}
	return short
}

// waitTimeout bounds a wait that should end long before.
const waitTimeout = time.Minute

// lease is short, so that what waits for its end does not take long.
var lease = scale(time.Second, 2*time.Second)

// until polls for a state of another process, which sends no signal when it is reached.
func until(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(waitTimeout); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", waitTimeout, what)
		}
	}
}

// Command mutate measures tests: it changes the code of packages in one place, runs the tests that execute this
// place, and tells the changes that no test notices.
//
//	mutate [-n 200] [-skip 0] [-seed 1] [-parallel 2] [-match REGEXP] [-further FOLDER,FOLDER] ROOT FOLDER...
//
// ROOT is that of the repository, and folders are named relative to it. Each package gets -n mutants of a sample that
// the seed decides; -skip continues it. A mutant is built with an overlay, so that no file of the repository changes.
// Which tests execute a line is found out by running each of them alone, once for each version of the code, and of the
// test; when that takes too long and is stopped, the next run goes on. What the tests of its own package do not notice
// gets those of further packages that execute it, as many as take half a minute. All of them share one Postgres.
//
// Survivors that are right to survive are in accepted.txt, with the reason. The command fails if there are others.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
)

func main() {
	var o options
	flag.IntVar(&o.count, "n", 200, "the number of mutants of each package")
	flag.IntVar(&o.skip, "skip", 0, "the number of mutants of each package's sample that were tried before")
	flag.Uint64Var(&o.seed, "seed", 1, "decides the sample")
	flag.IntVar(&o.parallel, "parallel", 2, "the number of mutants that are tried at once")
	flag.StringVar(&o.match, "match", "", "tries only mutants whose file, line, or new line matches")
	further := flag.String("further", "", "packages whose tests get what those of the mutant's package do not notice")
	flag.Parse()
	if flag.NArg() < 2 || o.parallel < 1 {
		flag.Usage()
		os.Exit(2)
	}
	o.root = flag.Arg(0)
	o.folders = flag.Args()[1:]
	o.further = strings.FieldsFunc(*further, func(r rune) bool { return r == ',' || r == ' ' })
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Stdout, o); err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		stop()
		os.Exit(1)
	}
}

// options are the arguments of the command.
type options struct {
	root     string
	folders  []string // relative to root
	further  []string // the same
	count    int
	skip     int
	seed     uint64
	parallel int
	match    string
}

// errSurvivors says that mutants have been printed that no test notices.
var errSurvivors = errors.New("there are survivors that are not accepted")

func run(ctx context.Context, w io.Writer, o options) error {
	match, err := regexp.Compile(o.match)
	if err != nil {
		return err
	}
	if o.root, err = filepath.Abs(o.root); err != nil {
		return err
	}
	accepted, err := readAccepted()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "mutate")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	l := &lab{
		dir:      dir,
		root:     o.root,
		covered:  o.folders,
		parallel: o.parallel,
		accepted: accepted,
		suites:   map[string]*suite{},
		out:      w,
	}
	if l.module, err = moduleOf(o.root); err != nil {
		return err
	}
	stop, err := l.startPostgres(ctx)
	if err != nil {
		return err
	}
	defer stop()
	survived := false
	for _, folder := range o.folders {
		all, err := mutantsOf(o.root, folder)
		if err != nil {
			return err
		}
		q := sample(all, o, match)
		if len(q.mutants) == 0 {
			continue
		}
		t, err := l.tryFolder(ctx, folder, q, o.further)
		fmt.Fprintf(w, "%s: %d of %d mutants tried, %s; the sample goes on at %d\n\n",
			folder, t.tried(), len(all), t, q.reached)
		if err != nil {
			return fmt.Errorf("%s: %w", folder, err)
		}
		survived = survived || t[lived]+t[uncovered] > 0
	}
	if survived {
		return errSurvivors
	}
	return nil
}

// tryFolder tries mutants of a package with its tests, and then those of further packages.
func (l *lab) tryFolder(ctx context.Context, folder string, q *queue, further []string) (tally, error) {
	var suites []*suite
	for _, f := range append([]string{folder}, further...) {
		if f == folder && len(suites) > 0 {
			continue
		}
		if l.suites[f] == nil {
			s, err := l.prepare(ctx, f)
			if err != nil {
				return tally{}, fmt.Errorf("prepare the tests of %s: %w", f, err)
			}
			l.suites[f] = s
		}
		suites = append(suites, l.suites[f])
	}
	return l.try(ctx, q, suites)
}

// sample returns the mutants to try, in the order that the seed decides. Those that do not compile are tried in vain,
// so it has more than the options ask for: try ends when enough have been.
func sample(all []*mutant, o options, match *regexp.Regexp) *queue {
	all = append([]*mutant(nil), all...)
	rnd := rand.New(rand.NewPCG(o.seed, 0)) //#nosec G404 -- a sample that can be repeated
	rnd.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	q := &queue{left: o.count, reached: o.skip}
	for i, m := range all {
		m.place = i
		if i >= o.skip && (match.MatchString(m.file) || match.MatchString(m.before) || match.MatchString(m.after)) {
			q.mutants = append(q.mutants, m)
		}
	}
	return q
}

// queue hands out mutants until enough of them have been tried.
type queue struct {
	mu      sync.Mutex
	mutants []*mutant
	left    int
	reached int // the place in the sample behind those that were handed out
}

// next returns the next mutant, nil at the end.
func (q *queue) next() *mutant {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.left == 0 || len(q.mutants) == 0 {
		return nil
	}
	m := q.mutants[0]
	q.mutants = q.mutants[1:]
	q.left--
	q.reached = m.place + 1
	return m
}

// again makes room for another mutant, because one did not compile.
func (q *queue) again() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.left++
}

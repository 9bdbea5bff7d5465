// Run builds the simulation, if asked for with a mutant in it, and runs it. It is the program behind
// make simulate and behind two checks of make verify. Start it in the root of the repository.
//
//	go run ./internal/simulate/run -events 20000 -seed 7
//	go run ./internal/simulate/run -events 100 -seed 1-1000 -mutant fetcher-drops-held
//	go run ./internal/simulate/run -mutants all
//	go run ./internal/simulate/run -burst 100000
//
// The last line on standard output sums the run up; what is wrong is on standard error. -mutants
// compares the seeds that found the mutants with the table in docs/reliability.md, and -burst the
// figures with the one in docs/performance.md; with -update they write the tables. The exit status
// is 1 if anything was wrong, and 2 if the simulation could not run.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/meterbridge/meterbridge/internal/simulate/mutant"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var c command
	flag.StringVar(&c.events, "events", "20000", "how many events the world has")
	flag.StringVar(&c.seeds, "seed", "1", "a seed, or a range such as 1-1000, which ends at the first seed with which something is wrong")
	flag.StringVar(&c.mutant, "mutant", "", "the mutant to build in, or help for a list of them")
	flag.StringVar(&c.mutants, "mutants", "", "find these mutants, separated by commas, or all")
	flag.StringVar(&c.burst, "burst", "", "simulate a burst of this many events")
	flag.BoolVar(&c.update, "update", false, "write the table of -mutants all or -burst to its page")
	flag.Parse()
	switch err := c.run(ctx); {
	case errors.Is(err, errWrong):
		os.Exit(1)
	case err != nil:
		fmt.Fprintln(os.Stderr, "simulate:", err)
		os.Exit(2)
	}
}

// errWrong means that the simulation ran and something is wrong; standard error says what.
var errWrong = errors.New("something is wrong")

type command struct {
	events, seeds, mutant, mutants, burst string
	update                                bool
}

func (c command) run(ctx context.Context) error {
	all, err := mutant.All(os.DirFS("."))
	if err != nil {
		return fmt.Errorf("read the mutants (the program must run in the root of the repository): %w", err)
	}
	switch {
	case flag.NArg() > 0:
		return fmt.Errorf("unexpected argument %q", flag.Arg(0))
	case c.mutants != "":
		return c.find(ctx, all)
	case c.burst != "":
		return c.measure(ctx)
	}
	return c.simulate(ctx, all)
}

// simulate runs one world, or those of a range of seeds. If they do not show a mutant, it goes on to
// look for the mutant as -mutants does.
func (c command) simulate(ctx context.Context, all []*mutant.Mutant) error {
	if c.mutant == "help" {
		fmt.Println(list(all))
		return nil
	}
	if err := errors.Join(number("EVENTS", c.events), seeds(c.seeds)); err != nil {
		return err
	}
	if c.mutant == "" {
		return c.show(ctx, build{})
	}
	with, err := named(all, c.mutant)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "with the mutant %s: %s\n", with.Name, with.Why)
	if err := c.show(ctx, build{with}); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "nothing is wrong; now with the seeds %s, and %s events each\n", searchSeeds, searchEvents)
	c.events, c.seeds = searchEvents, searchSeeds
	return c.show(ctx, build{with})
}

// show runs the worlds and prints what is wrong and the sum.
func (c command) show(ctx context.Context, b build) error {
	lines, err := b.run(ctx, "TestWorlds", "-events", c.events, "-seeds", c.seeds, "-mutant", c.mutant)
	if len(lines) > 0 {
		last := len(lines) - 1
		for _, line := range lines[:last] {
			fmt.Fprintln(os.Stderr, line)
		}
		fmt.Println(lines[last])
	}
	return err
}

const mostEvents = 10_000_000

// number checks a number of events.
func number(name, text string) error {
	if n, err := strconv.Atoi(text); err != nil || n < 1 || n > mostEvents {
		return fmt.Errorf("%s=%s: want a number from 1 to %d", name, text, mostEvents)
	}
	return nil
}

// seeds checks a seed or a range of seeds.
func seeds(text string) error {
	first, last, isRange := strings.Cut(text, "-")
	from, err := strconv.ParseUint(first, 10, 64)
	to := from
	if isRange && err == nil {
		to, err = strconv.ParseUint(last, 10, 64)
	}
	if err != nil || to < from {
		return fmt.Errorf("SEED=%s: want a number such as 7, or a range such as 1-1000", text)
	}
	return nil
}

// named returns the mutant with a name.
func named(all []*mutant.Mutant, name string) (*mutant.Mutant, error) {
	i := slices.IndexFunc(all, func(m *mutant.Mutant) bool { return m.Name == name })
	if i < 0 {
		return nil, fmt.Errorf("MUTANT=%s: there is no such mutant, but these:\n%s", name, list(all))
	}
	return all[i], nil
}

func list(all []*mutant.Mutant) string {
	var b strings.Builder
	for _, m := range all {
		fmt.Fprintf(&b, "  %-36s %s\n", m.Name, m.Why)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

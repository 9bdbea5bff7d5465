package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
	"github.com/meterbridge/meterbridge/internal/emulator/faults"
)

// faultFlags are the flags of "meterbridge local" that inject faults, and those of its soak.
type faultFlags struct {
	faults      string
	seed        uint64
	clockFactor float64
	soak        int
}

func (f *faultFlags) add(command *cobra.Command) {
	flags := command.Flags()
	flags.StringVar(&f.faults, "faults", "", "faults to inject: names from the list above, separated by commas, or all")
	flags.Uint64Var(&f.seed, "seed", 1, "seed that determines where faults strike and what a soak sends")
	flags.Float64Var(&f.clockFactor, "clock-factor", 0, "how much faster than real time queues, delays and schedules run (default 1)")
	flags.IntVar(&f.soak, "soak", 0, "send this many events, wait until each has an outcome, print the counts to standard output, exit")
	for _, other := range []string{"once", "no-samples", "events", "signing-secret", "stripe-api", "listen", "clock-factor"} {
		command.MarkFlagsMutuallyExclusive("soak", other)
	}
}

// check returns an error about flags that would have no effect.
func (f *faultFlags) check(changed func(name string) bool) error {
	switch {
	case changed("soak") && f.soak < 1:
		return fmt.Errorf("--soak %d: want 1 or more", f.soak)
	case changed("seed") && f.faults == "" && f.soak == 0:
		return errors.New("--seed has no effect without --faults or --soak")
	case changed("clock-factor") && !(f.clockFactor > 0):
		return fmt.Errorf("--clock-factor %v: want more than 0", f.clockFactor)
	}
	return nil
}

func (f *faultFlags) injector(observer activity.Observer) (*faults.Injector, error) {
	names, err := f.names()
	if err != nil {
		return nil, err
	}
	return faults.New(&faults.Options{Names: names, Seed: f.seed, Observer: observer})
}

func (f *faultFlags) names() ([]string, error) {
	if f.faults == "" {
		return nil, nil
	}
	names, err := faults.Parse(f.faults)
	if err != nil {
		return nil, fmt.Errorf("--faults: %w", err)
	}
	if f.soak > 0 {
		return names, nil
	}
	if f.faults == faults.RuleDisabled {
		return nil, fmt.Errorf("--faults %s: use it with --soak, in which the reconciler republishes the events", f.faults)
	}
	return slices.DeleteFunc(names, func(name string) bool { return name == faults.RuleDisabled }), nil
}

// tokens returns a source of random parts of ids. With faults they depend on the seed, because
// faults are chosen by ids.
func (f *faultFlags) tokens() func() string {
	if f.faults == "" {
		return func() string { return randomHex(12) }
	}
	source := rand.New(rand.NewPCG(f.seed, 0))
	return func() string { return fmt.Sprintf("%016x%08x", source.Uint64(), source.Uint32()) }
}

func faultsHelp() string {
	var text strings.Builder
	text.WriteString("\nFaults:\n")
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	for _, f := range faults.All() {
		fmt.Fprintf(table, "  %s\t%s: %s\n", f.Name, f.Where, f.Effect)
	}
	table.Flush()
	return strings.TrimSuffix(text.String(), "\n")
}

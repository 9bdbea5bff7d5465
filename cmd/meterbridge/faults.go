package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/meterbridge/meterbridge/internal/config"
	"github.com/meterbridge/meterbridge/internal/emulator/faults"
)

// faultFlags are the flags of "meterbridge local" that break the stack.
type faultFlags struct {
	faults      string
	seed        uint64
	clockFactor float64
	soak        int
}

func (f *faultFlags) add(command *cobra.Command) {
	flags := command.Flags()
	flags.StringVar(&f.faults, "faults", "", "faults to inject: names from the list above with commas between them, or all")
	flags.Uint64Var(&f.seed, "seed", 1, "seed of what the faults strike and of what a soak sends")
	flags.Float64Var(&f.clockFactor, "clock-factor", 0, "how much faster than real time queues, delays and schedules run (default 1; 100 with --soak)")
	flags.IntVar(&f.soak, "soak", 0, "send this many events, wait for the end of each, print the account to standard output, exit")
	for _, other := range []string{"once", "no-samples", "events", "signing-secret", "stripe-api", "listen"} {
		command.MarkFlagsMutuallyExclusive("soak", other)
	}
}

// injector returns what the flags ask for; one without faults lets nothing fail.
func (f *faultFlags) injector(story *story) (*faults.Injector, error) {
	names, err := f.names()
	if err != nil {
		return nil, err
	}
	return faults.New(&faults.Options{Names: names, Seed: f.seed, Observer: story})
}

func (f *faultFlags) names() ([]string, error) {
	if f.faults == "" {
		return nil, nil
	}
	names, err := faults.Parse(f.faults)
	if err != nil {
		return nil, fmt.Errorf("--faults: %w", err)
	}
	return names, nil
}

// tokens returns where the ids of the samples come from: from the seed if faults are to strike by it.
func (f *faultFlags) tokens() func() string {
	if f.faults == "" {
		return func() string { return randomHex(12) }
	}
	source := rand.New(rand.NewPCG(f.seed, 0))
	return func() string { return fmt.Sprintf("%016x%08x", source.Uint64(), source.Uint32()) }
}

// faultsHelp lists the faults that there are.
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

// rotate rotates both secrets. Deliveries go on with the signing secret of before, which stays the previous one, as Stripe lets
// an old secret live on for a day.
func (s *session) rotate() error {
	if err := s.stack.Rotate(config.SigningSecretID, "whsec_"+randomHex(24)); err != nil {
		return err
	}
	return s.stack.Rotate(config.APIKeySecretID, s.stripe.rotated)
}

// deliver sends a sample, and with faults sends it again while it is not answered by the webhook itself.
func (s *session) deliver(ctx context.Context, sample sample) (status int, answer string, err error) {
	const attempts, pause = 100, 100 * time.Millisecond
	for attempt := range attempts {
		status, answer, err = sample.send(ctx, s.webhook)
		if s.flags.faults == "" || err == nil && status < http.StatusInternalServerError {
			break
		}
		s.story.say("attempt %d: answered %d: again in %s", attempt+1, status, pause)
		select {
		case <-ctx.Done():
			return 0, "", ctx.Err()
		case <-time.After(pause):
		}
	}
	return status, answer, err
}

// quiet waits until all is quiet. Faults have a moment more, then they end, and time in which the stack only waits is skipped.
func (s *session) quiet(ctx context.Context) error {
	if s.flags.faults == "" {
		return s.stack.Quiet(ctx)
	}
	s.settle(ctx)
	s.injector.Heal()
	s.story.say("The faults end.")
	return s.stack.Hasten(ctx)
}

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/meterbridge/meterbridge/internal/config"
	"github.com/meterbridge/meterbridge/internal/deployed"
	"github.com/meterbridge/meterbridge/internal/reconcile"
	"github.com/meterbridge/meterbridge/internal/replay"
	"github.com/meterbridge/meterbridge/pkg/stripeapi"
	"github.com/meterbridge/meterbridge/pkg/v2events"
)

// replayFlags are the flags of "meterbridge replay".
type replayFlags struct {
	stackFlags
	opts         replay.Options
	since, until string
	json         bool
}

const replayHelp = `Find events that Stripe has and the stack never saw, and put them on the bus as if Stripe had delivered them.

It lists Stripe's events, which Stripe keeps for 30 days, asks the ledger which of them it knows, and puts the others on
the bus in their thin form. The fetcher takes them from there, and emits no event twice, so that it is safe to run at any
time, to interrupt and to run again. The reconciler does the same on a schedule.

Without --type it looks for the types that the stack fetches by default, or those in RECONCILE_TYPES. --type '*' is all
types; but those that no rule sends to the fetcher never reach the ledger, and so are missing each time. Without --context
it lists the key's own account, and those in RECONCILE_CONTEXTS.

The API key, which has to be one that may read events, comes from STRIPE_API_KEY. ` + addressHelp + `

Exit status: 0 all that was missing is on the bus; 1 some is not, or it was interrupted; 2 it could not run.`

const replayExamples = `  export STRIPE_API_KEY=rk_live_…
  meterbridge replay --outputs outputs.json --dry-run              what is missing of the last three days
  meterbridge replay --outputs outputs.json --since 30d
  meterbridge replay --outputs outputs.json --since 2026-11-20T08:00:00Z --until 2026-11-20T12:00:00Z
  meterbridge replay --outputs outputs.json --context acct_… --type v1.billing.meter.error_report_triggered`

func newReplay(p process) *cobra.Command {
	var flags replayFlags
	command := &cobra.Command{
		Use:     "replay",
		Short:   "Find events that never arrived, and bring them",
		Long:    replayHelp,
		Example: replayExamples,
		Args:    cobra.NoArgs,
		RunE:    func(command *cobra.Command, _ []string) error { return runReplay(command.Context(), p, flags) },
	}
	flags.add(command, addressBus, addressLedger)
	f := command.Flags()
	f.StringVar(&flags.since, "since", "72h", "how long ago the oldest event happened, as 72h or 30d, or when, as 2026-11-22T09:00:00Z")
	f.StringVar(&flags.until, "until", "5m", "the same for the newest; what is newer may still be on its way")
	f.StringArrayVar(&flags.opts.Types, "type", nil, "only events of this type; may be repeated")
	f.StringArrayVar(&flags.opts.Contexts, "context", nil, "account, or path of accounts, whose events to list; may be repeated")
	f.BoolVar(&flags.opts.All, "all", false, "put every event, whatever the ledger knows")
	f.Float64Var(&flags.opts.Rate, "rate", defaultRate, "events a second, each of which becomes a request to Stripe; 0 is no limit")
	f.BoolVar(&flags.opts.DryRun, "dry-run", false, "list what is missing, and leave it")
	f.BoolVar(&flags.json, "json", false, "print a JSON object for each missing event, and one with the counts")
	return command
}

func runReplay(ctx context.Context, p process, flags replayFlags) error {
	stack, err := flags.complete(p, time.Now())
	if err != nil {
		return err
	}
	stripe, err := stripeClient(p, flags.opts.Rate)
	if err != nil {
		return err
	}
	service, err := deployed.AWS(ctx)
	if err != nil {
		return err
	}
	report := newReplayReport(p, flags)
	flags.opts.Report, flags.opts.Reached = report.event, report.reached
	work, err := replay.New(stripe, service, stack, flags.opts)
	if err != nil {
		return err
	}
	counts, err := work.Run(ctx)
	report.end(counts)
	return judgeReplay(counts, err)
}

// complete fills in what flags leave to the environment and the clock, and returns the stack.
func (f *replayFlags) complete(p process, now time.Time) (deployed.Stack, error) {
	stack, err := f.resolve(p)
	if err != nil {
		return deployed.Stack{}, err
	}
	var needed []address
	if !f.opts.DryRun {
		needed = append(needed, addressBus)
	}
	if !f.opts.All {
		needed = append(needed, addressLedger)
	}
	if err := need(stack, needed...); err != nil {
		return deployed.Stack{}, err
	}
	var sinceErr, untilErr error
	f.opts.From, sinceErr = parseMoment("--since", f.since, now)
	f.opts.To, untilErr = parseMoment("--until", f.until, now)
	f.opts.Types = fetchedTypes(p, f.opts.Types)
	if accounts := envList(p, config.ReconcileContexts); len(f.opts.Contexts) == 0 && len(accounts) > 0 {
		f.opts.Contexts = append(accounts, "") // and the key's own
	}
	switch err := cmp.Or(sinceErr, untilErr); {
	case err != nil:
		return deployed.Stack{}, err
	case !f.opts.From.Before(f.opts.To):
		return deployed.Stack{}, fmt.Errorf("--since %s is not before --until %s", f.since, f.until)
	case now.Sub(f.opts.From) > reconcile.Retention:
		return deployed.Stack{}, fmt.Errorf("--since %s: Stripe keeps events for 30 days only", f.since)
	}
	return stack, nil
}

// parseMoment reads a time, or a duration as that long before now.
func parseMoment(flag, text string, now time.Time) (time.Time, error) {
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, nil
	}
	d, err := time.ParseDuration(text)
	if days, ok := strings.CutSuffix(text, "d"); ok {
		var n int
		n, err = strconv.Atoi(days)
		d = time.Duration(n) * 24 * time.Hour
	}
	if err != nil || d < 0 {
		return time.Time{}, fmt.Errorf("%s %s: write it as 72h, 30d or 2026-11-22T09:00:00Z", flag, text)
	}
	return now.Add(-d), nil
}

// fetchedTypes returns the types to look for; nil means all.
func fetchedTypes(p process, types []string) []string {
	if len(types) == 0 {
		types = envList(p, config.ReconcileTypes)
	}
	switch {
	case len(types) == 0:
		return []string{v2events.MeterErrorReportTriggered.Type(), v2events.MeterNotFound.Type(), v2events.EventDestinationPing.Type()}
	case len(types) == 1 && types[0] == "*":
		return nil
	}
	return types
}

// envList reads a list with commas between its items.
func envList(p process, name string) []string {
	list, _ := p.env(name)
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}

// stripeClient calls the Stripe of the environment, with so many requests a second.
func stripeClient(p process, perSecond float64) (*v2events.Client, error) {
	key, _ := p.env("STRIPE_API_KEY")
	if key == "" {
		return nil, errors.New("no API key: set STRIPE_API_KEY to a key that may read events, rk_… or sk_…")
	}
	base, _ := p.env(config.StripeAPIBase)
	version, _ := p.env(config.StripeAPIVersion)
	api, err := stripeapi.New(stripeapi.Key(key), &stripeapi.Options{
		BaseURL: base, APIVersion: version,
		HTTPClient: &http.Client{Transport: reconcile.Paced(http.DefaultTransport, perSecond), Timeout: stripeapi.DefaultTimeout},
	})
	if err != nil {
		return nil, err
	}
	return v2events.NewClient(api), nil
}

func judgeReplay(counts replay.Counts, err error) error {
	const again = "run it again to go on: what is on the bus is not put there twice once the ledger knows it"
	switch {
	case errors.Is(err, context.Canceled):
		return &failure{"interrupted; " + again}
	case errors.Is(err, stripeapi.ErrAuthentication), errors.Is(err, stripeapi.ErrPermission):
		return &failure{fmt.Sprintf("%v: STRIPE_API_KEY has to be a key of this account that may read events", err)}
	case err != nil:
		return &failure{fmt.Sprintf("%v; %s", err, again)}
	case counts.Refused > 0:
		return &failure{fmt.Sprintf("events that no bus will carry: %d", counts.Refused)}
	}
	return nil
}

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

	"github.com/meterbridge/meterbridge/internal/awsctl"
	"github.com/meterbridge/meterbridge/internal/config"
	"github.com/meterbridge/meterbridge/internal/pace"
	"github.com/meterbridge/meterbridge/internal/reconcile"
	"github.com/meterbridge/meterbridge/internal/secret"
	"github.com/meterbridge/meterbridge/internal/stack"
	"github.com/meterbridge/meterbridge/internal/transport"
	"github.com/meterbridge/meterbridge/pkg/stripeapi"
	"github.com/meterbridge/meterbridge/pkg/v2events"
)

type replayFlags struct {
	stackFlags
	opts         reconcile.ReplayOptions
	since, until string
	json         bool
}

const replayHelp = `Find events that Stripe lists but the stack never received, and put them on the bus as if Stripe had delivered them.

It lists Stripe's events, which Stripe keeps for 30 days, looks each up in the ledger, and puts the unknown ones on the bus
as thin events. The fetcher handles them from there and emits no event twice, so you can run the command at any time,
interrupt it, and run it again. The reconciler does the same on a schedule.

By default the command looks for the types that the stack fetches.
--type '*' selects all types; types that no rule sends to the fetcher never reach the ledger, so their events count as missing
in each run. By default it lists the events of the key's own account and of the accounts in RECONCILE_CONTEXTS.

The API key is read from STRIPE_API_KEY and must be one that may read events.

` + addressHelp + `

Exit status:
  0  every missing event is on the bus, or was listed in a dry run
  1  some are not, or the command was interrupted
  2  the command could not run`

const replayExamples = `  export STRIPE_API_KEY=rk_live_…
  meterbridge replay --stack meterbridge --dry-run              list what is missing from the last three days
  meterbridge replay --stack meterbridge --since 30d
  meterbridge replay --stack meterbridge --since 2026-11-20T08:00:00Z --until 2026-11-20T12:00:00Z
  meterbridge replay --stack meterbridge --context acct_… --type v1.billing.meter.error_report_triggered`

func newReplay(p process) *cobra.Command {
	var flags replayFlags
	command := &cobra.Command{
		Use:     "replay",
		Short:   "Find events that never arrived, and put them on the bus",
		Long:    replayHelp,
		Example: replayExamples,
		Args:    cobra.NoArgs,
		RunE:    func(command *cobra.Command, _ []string) error { return runReplay(command.Context(), p, flags) },
	}
	flags.add(command, addressBus, addressLedger)
	f := command.Flags()
	f.StringVar(&flags.since, "since", "72h", "start of the window: an age such as 72h or 30d, or a time such as 2026-11-22T09:00:00Z")
	f.StringVar(&flags.until, "until", "5m", "end of the window, in the same form; later events may still be in delivery")
	f.StringArrayVar(&flags.opts.Types, "type", nil, "only events of this type; may be repeated")
	f.StringArrayVar(&flags.opts.Contexts, "context", nil, "list the events of this account, or path of accounts; may be repeated")
	f.BoolVar(&flags.opts.All, "all", false, "put every event on the bus, even if it is in the ledger")
	f.Float64Var(&flags.opts.Rate, "rate", defaultRate, "events a second, each of which causes a request to Stripe; 0 means no limit")
	f.BoolVar(&flags.opts.DryRun, "dry-run", false, "only list the missing events")
	f.BoolVar(&flags.json, "json", false, "print a JSON object for each missing event, and one with the counts")
	f.BoolVarP(&flags.yes, "yes", "y", false, "do not ask for confirmation")
	return command
}

func runReplay(ctx context.Context, p process, flags replayFlags) error {
	addresses, err := flags.complete(ctx, p, time.Now())
	if err != nil {
		return err
	}
	stripe, err := stripeClient(p, flags.found, flags.opts.Rate)
	if err != nil {
		return err
	}
	service, err := stack.OperatorConfig(ctx, emulator(flags.found))
	if err != nil {
		return err
	}
	if !flags.opts.DryRun && flags.deployed != nil && !flags.deployed.IsLocal() {
		question := fmt.Sprintf("Put the %s that never arrived on the bus of %s?", eventsOf(p), where(flags.deployed))
		if err := p.confirm(ctx, question, flags.yes); err != nil {
			return err
		}
	}
	report, from := &report{out: p.stdout, json: flags.json}, flags.opts.From
	if !flags.opts.DryRun { // the bar's unit is seconds of the window
		report.bar = newBar(terminal(p), int(flags.opts.To.Sub(from).Seconds()), "listing")
	}
	flags.opts.Report = report.event
	flags.opts.Reached = func(at time.Time) {
		if report.bar != nil {
			report.bar.Describe("up to " + at.UTC().Format(time.DateTime))
			_ = report.bar.Set(int(at.Sub(from).Seconds()))
		}
	}
	work, err := reconcile.NewReplay(stripe, service, addresses, &flags.opts)
	if err != nil {
		return err
	}
	counts, err := work.Run(ctx)
	report.end(counts, replaySummary(counts, flags.opts.DryRun))
	return replayResult(counts, err)
}

// complete fills in f from the environment and the clock, and returns the addresses.
func (f *replayFlags) complete(ctx context.Context, p process, now time.Time) (stack.Addresses, error) {
	where, err := f.resolve(ctx, p)
	if err != nil {
		return stack.Addresses{}, err
	}
	var needed []address
	if !f.opts.DryRun {
		needed = append(needed, addressBus)
	}
	if !f.opts.All {
		needed = append(needed, addressLedger)
	}
	if err := need(where, needed...); err != nil {
		return stack.Addresses{}, err
	}
	if f.opts.From, f.opts.To, err = parseWindow(f.since, f.until, now, ofStripe); err != nil {
		return stack.Addresses{}, err
	}
	f.opts.Types = fetchedTypes(p, f.opts.Types, f.deployed)
	if accounts := envList(p, config.ReconcileContexts); len(f.opts.Contexts) == 0 && len(accounts) > 0 {
		f.opts.Contexts = append(accounts, "") // "" is the key's own account
	}
	return where, nil
}

// parseWindow parses --since and --until, between which Stripe must have events.
func parseWindow(since, until string, now time.Time, of history) (from, to time.Time, err error) {
	from, sinceErr := parseMoment("--since", since, now)
	to, untilErr := parseMoment("--until", until, now)
	switch err = cmp.Or(sinceErr, untilErr); {
	case err != nil:
	case !from.Before(to):
		err = fmt.Errorf("--since %s is not before --until %s", since, until)
	case now.Sub(from) > of.kept:
		err = fmt.Errorf("--since %s: %s", since, of.why)
	}
	return from, to, err
}

// A history is how far back a window can begin, and why.
type history struct {
	kept time.Duration
	why  string
}

var ofStripe = history{v2events.Retention, "Stripe keeps events for only 30 days"}

// mostDays is a number of days that a duration can count.
const mostDays = 100 * 365

// parseMoment parses a time, or a duration before now.
func parseMoment(flag, text string, now time.Time) (time.Time, error) {
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, nil
	}
	d, err := time.ParseDuration(text)
	if days, ok := strings.CutSuffix(text, "d"); ok {
		var n int
		n, err = strconv.Atoi(days)
		d = time.Duration(n) * 24 * time.Hour
		if n > mostDays {
			err = strconv.ErrRange
		}
	}
	if err != nil || d < 0 {
		return time.Time{}, fmt.Errorf("%s %s: want a value such as 72h, 30d or 2026-11-22T09:00:00Z", flag, text)
	}
	return now.Add(-d), nil
}

// fetchedTypes returns the types to look for; nil means all.
func fetchedTypes(p process, types []string, deployed *awsctl.Stack) []string {
	if len(types) == 0 && deployed != nil {
		types = deployed.Types()
	} else if len(types) == 0 {
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

func envList(p process, name string) []string {
	list, _ := p.env(name)
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}

// eventsOf says which events the key in the environment can see.
func eventsOf(p process) string {
	key, _ := p.env("STRIPE_API_KEY")
	if in, err := keyMode(key); err == nil {
		return fmt.Sprintf("events of %s mode", in)
	}
	return "events" // of an organization, in both modes
}

// stripeClient returns a client with the key and origin in the environment, and a rate limit. The
// sandbox of a local stack has its own key; a key in the environment is never sent to it.
func stripeClient(p process, local *localState, perSecond float64) (*v2events.Client, error) {
	key, _ := p.env("STRIPE_API_KEY")
	base, _ := p.env(config.StripeAPIBase)
	if local != nil && local.StripeAPIKey != "" {
		key, base = local.StripeAPIKey, local.StripeAPI
	}
	if key == "" {
		return nil, errors.New("no API key: set STRIPE_API_KEY to a key that may read events, rk_… or sk_…")
	}
	if err := secret.CheckAPIKey(key); err != nil {
		return nil, fmt.Errorf("STRIPE_API_KEY: API key %w", err)
	}
	version, _ := p.env(config.StripeAPIVersion)
	api, err := stripeapi.New(stripeapi.Key(key), &stripeapi.Options{
		BaseURL: base, APIVersion: version,
		HTTPClient: &http.Client{Transport: pace.Transport(transport.New(0), perSecond), Timeout: stripeapi.DefaultTimeout},
	})
	if err != nil {
		return nil, err
	}
	return v2events.NewClient(api), nil
}

func replayResult(counts reconcile.Counts, err error) error {
	const again = "run the command again to continue: events that are in the ledger by then are not put on the bus again"
	switch {
	case errors.Is(err, context.Canceled):
		return &failure{"interrupted; " + again}
	case errors.Is(err, stripeapi.ErrAuthentication), errors.Is(err, stripeapi.ErrPermission):
		return &failure{fmt.Sprintf("%v: STRIPE_API_KEY must be a key of this account that may read events", err)}
	case err != nil:
		return &failure{fmt.Sprintf("%v; %s", err, again)}
	case counts.Refused > 0:
		return &failure{fmt.Sprintf("events that cannot be put on a bus: %d", counts.Refused)}
	}
	return nil
}

func (r *report) event(e *v2events.Event, outcome reconcile.Outcome, err error) {
	line := fmt.Sprintf("%-8s  %s  %s  of %s", outcome, e.ID, e.Type, e.Created.UTC().Format(time.RFC3339))
	if e.Context != "" {
		line += "  in " + e.Context
	}
	if err != nil {
		line += ": " + err.Error()
	}
	r.item(struct {
		Outcome reconcile.Outcome `json:"outcome"`
		EventID string            `json:"event_id"`
		Type    string            `json:"type"`
		Context string            `json:"context,omitempty"`
		Created time.Time         `json:"created"`
		Error   string            `json:"error,omitempty"`
	}{outcome, e.ID, e.Type, e.Context, e.Created, errorText(err)}, line)
}

func replaySummary(c reconcile.Counts, dryRun bool) string {
	line := fmt.Sprintf("events: %d listed, %d missing", c.Listed, c.Missing)
	if !dryRun {
		line += fmt.Sprintf(", %d put on the bus", c.Put)
	}
	if c.Refused > 0 {
		line += fmt.Sprintf(", %d refused", c.Refused)
	}
	return line
}

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/meterbridge/meterbridge/internal/awsctl"
	"github.com/meterbridge/meterbridge/internal/telemetry"
)

// metricWords says what the metrics count, in the order in which stats shows them.
var metricWords = []struct {
	metric telemetry.Metric
	words  string
}{
	{telemetry.Stored, "deliveries stored"},
	{telemetry.SignatureInvalid, "refused: not authentic"},
	{telemetry.RequestRefused, "refused: not from Stripe"},
	{telemetry.NotAnEvent, "refused: not an event"},
	{telemetry.TooLarge, "refused: too large for the bus"},
	{telemetry.NotStored, "answered 503, to be redelivered"},
	{telemetry.PreviousSecretUsed, "signed by the previous secret"},
	{telemetry.Emitted, "events emitted in full"},
	{telemetry.Duplicate, "deliveries of known events"},
	{telemetry.Deferred, "attempts to be repeated"},
	{telemetry.DeferredReceives, "batches with such attempts"},
	{telemetry.Parked, "events parked"},
	{telemetry.MeterErrors, "usage events refused by Stripe"},
	{telemetry.SchemaMismatch, "schema mismatches"},
	{telemetry.StripeLatency, "requests to Stripe"},
	{telemetry.StripeRateLimited, "of these answered 429"},
	{telemetry.StripeAuthError, "of these answered 401 or 403"},
	{telemetry.SideEffectFailed, "side effects failed"},
	{telemetry.Listed, "events listed by Stripe"},
	{telemetry.Missing, "of these never seen before"},
	{telemetry.ReconcileRefused, "of these refused by the bus"},
	{telemetry.Republished, "put on the bus once more"},
	{telemetry.Unfetched, "put on the bus, not fetched"},
	{telemetry.ReconcileFailed, "comparisons failed"},
	{telemetry.ReconcileUnfinished, "comparisons unfinished"},
	{telemetry.ReconcileLag, "comparisons"},
	{telemetry.SecretStale, "reads of a secret failed"},
	{telemetry.SecretUnusable, "reads of an unusable secret"},
}

type statsFlags struct {
	target
	since, until string
	json         bool
}

const statsHelp = `Show what the stack's functions have metricWords: what the webhook stored and refused, what the fetcher emitted, repeated and parked, for
which reasons, what usage Stripe refused, and what the reconciler found; and how many events wait now.

The numbers are those of CloudWatch, which has them a minute or two late. It lists a metric for two weeks after its last value.
With --local they are added up from the functions' logs, of which the newest lines are kept.

` + targetHelp

func newStats(p process) *cobra.Command {
	var flags statsFlags
	command := &cobra.Command{
		Use: "stats", Short: "Show how many events arrived, and what became of them", Long: statsHelp, Args: cobra.NoArgs,
		Example: "  meterbridge stats --stack meterbridge --since 7d",
		RunE:    func(command *cobra.Command, _ []string) error { return runStats(command.Context(), p, flags) },
	}
	flags.add(command)
	f := command.Flags()
	f.StringVar(&flags.since, "since", "24h", "start of the window: an age such as 72h or 7d, or a time such as 2026-11-22T09:00:00Z")
	f.StringVar(&flags.until, "until", "0s", "end of the window, in the same form")
	f.BoolVar(&flags.json, "json", false, "print a JSON document")
	return command
}

// statistics is what stats prints with --json.
type statistics struct {
	Since       time.Time  `json:"since"`
	Until       time.Time  `json:"until"`
	Metrics     []metricOf `json:"metrics"`
	Waiting     int        `json:"waiting"`      // events that wait to be fetched
	InProgress  int        `json:"in_progress"`  // events that are being fetched, or wait for another attempt
	DeadLetters int        `json:"dead_letters"` // in all of the stack's dead-letter queues
}

type metricOf struct {
	Service string  `json:"service"`
	Name    string  `json:"name"`
	Reason  string  `json:"reason,omitempty"`
	Count   int     `json:"count"`
	Mean    float64 `json:"mean_ms,omitempty"`
	Max     float64 `json:"max_ms,omitempty"`
}

func runStats(ctx context.Context, p process, flags statsFlags) error {
	from, to, err := parseWindow(flags.since, flags.until, time.Now(), history{14 * 24 * time.Hour, "CloudWatch lists metrics for only two weeks"})
	if err != nil {
		return err
	}
	stack, err := flags.open(ctx)
	if err != nil {
		return err
	}
	totals, err := stack.Totals(ctx, from, to)
	if err != nil {
		return err
	}
	s := statistics{Since: from.UTC(), Until: to.UTC(), Metrics: []metricOf{}}
	for _, t := range totals {
		m := metricOf{Service: t.Service, Name: string(t.Metric), Reason: t.Reason, Count: int(t.Count)}
		if t.Max > 0 {
			m.Mean, m.Max = t.Sum/t.Count, t.Max
		}
		s.Metrics = append(s.Metrics, m)
	}
	if err := s.count(ctx, stack); err != nil {
		return err
	}
	if flags.json {
		writeJSON(p.stdout, s)
		return nil
	}
	s.show(newScreen(p, p.stdout), where(stack))
	return nil
}

// count counts what waits in the queues.
func (s *statistics) count(ctx context.Context, stack *awsctl.Stack) error {
	fetch, err := stack.Depth(ctx, "FetchQueueUrl")
	parked, parkedErr := stack.Depth(ctx, "DeadLettersUrl")
	undelivered, undeliveredErr := stack.Depth(ctx, "RuleDeadLettersUrl")
	s.Waiting, s.InProgress = fetch.Visible+fetch.Delayed, fetch.InFlight
	s.DeadLetters = parked.Visible + parked.InFlight + undelivered.Visible + undelivered.InFlight
	return errors.Join(err, parkedErr, undeliveredErr)
}

func (s *statistics) show(screen *screen, stack string) {
	screen.text("%s, %s to %s UTC:", stack, s.Since.Format(time.DateTime), s.Until.Format(time.DateTime))
	screen.text("")
	row := func(who, what string, n int, note string) {
		head := fmt.Sprintf("%-12s%-33s%9d  ", who, what, n)
		screen.line(head, len(head), note)
	}
	slices.SortStableFunc(s.Metrics, func(a, b metricOf) int { return a.place() - b.place() })
	for _, service := range []string{"webhook", "fetcher", "reconciler"} {
		who := service
		for _, m := range s.Metrics {
			if m.Service != service {
				continue
			}
			row(who, m.words(), m.Count, m.note())
			who = ""
		}
	}
	row("now", "events to be fetched", s.Waiting, "")
	row("", "in progress or to be repeated", s.InProgress, "")
	row("", "dead letters", s.DeadLetters, "")
}

// place is the place of the metric in metricWords, or after all of them.
func (m metricOf) place() int {
	for i, c := range metricWords {
		if string(c.metric) == m.Name {
			return i
		}
	}
	return len(metricWords)
}

func (m metricOf) words() string {
	if i := m.place(); i < len(metricWords) {
		return metricWords[i].words
	}
	return m.Name
}

// note is the reason, or how long it took or lagged.
func (m metricOf) note() string {
	milliseconds := func(n float64) string { return duration(time.Duration(n * float64(time.Millisecond))) }
	switch {
	case m.Name == string(telemetry.DeferredReceives):
		return fmt.Sprintf("a message was received up to %d times", int(m.Max))
	case m.Name == string(telemetry.ReconcileLag):
		return "at most " + milliseconds(m.Max) + " behind"
	case m.Max > 0:
		return milliseconds(m.Mean) + " on average, " + milliseconds(m.Max) + " at most"
	}
	return m.Reason
}

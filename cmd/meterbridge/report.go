package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/meterbridge/meterbridge/internal/awsctl"
	"github.com/meterbridge/meterbridge/internal/ledger"
	errorreport "github.com/meterbridge/meterbridge/internal/report"
	"github.com/meterbridge/meterbridge/pkg/v2events"
)

type reportFlags struct {
	target
	since, until, context string
	samples               int
	json                  bool
}

const reportHelp = `Show what Stripe refused to bill: the usage events in its error reports, by error code and meter, with samples, and what to do
about each code.

It reads Stripe's own list of events, which Stripe keeps for 30 days, and needs no stack: only an API key that may read events,
in STRIPE_API_KEY or typed when asked. With --stack or --local it also tells which of the reports the stack's bus has not
carried; the key is then the stack's own, unless STRIPE_API_KEY is set.

A report has the number of refused usage events, and identifiers of some of them as samples, not of all: ` + errorreport.Page + `
says how to find the others, and how to send usage again.

Exit status:
  0  no usage was refused
  1  some was, or a report could not be read
  2  the command could not run, or not to its end`

const reportExamples = `  STRIPE_API_KEY=rk_live_… meterbridge report
  meterbridge report --since 1d --json
  meterbridge report --stack meterbridge --since 2026-11-20T00:00:00Z --samples 20`

func newReport(p process) *cobra.Command {
	var flags reportFlags
	command := &cobra.Command{
		Use:     "report",
		Short:   "Show what Stripe refused to bill, by error code and meter",
		Long:    reportHelp,
		Example: reportExamples,
		Args:    cobra.NoArgs,
		RunE:    func(command *cobra.Command, _ []string) error { return runReport(command.Context(), p, flags) },
	}
	flags.add(command)
	f := command.Flags()
	f.StringVar(&flags.since, "since", "30d", "start of the window: an age such as 72h or 30d, or a time such as 2026-11-22T09:00:00Z")
	f.StringVar(&flags.until, "until", "0s", "end of the window, in the same form")
	f.StringVar(&flags.context, "context", "", "account whose usage it is, if that is not the key's own")
	f.IntVar(&flags.samples, "samples", 3, "how many samples to show for each code and meter")
	f.BoolVar(&flags.json, "json", false, "print a JSON document")
	return command
}

// refusedUsage is what report prints with --json.
type refusedUsage struct {
	From       time.Time           `json:"from"`
	To         time.Time           `json:"to"`
	Partial    bool                `json:"partial"` // the list broke off
	Usage      int64               `json:"usage_events"`
	Reports    int                 `json:"reports"`
	Unreadable []string            `json:"unreadable_reports"`
	Lines      []*errorreport.Line `json:"refused"`
	NotCarried []listedEvent       `json:"not_carried,omitempty"` // reports that the stack's bus has not carried
}

func runReport(ctx context.Context, p process, flags reportFlags) error {
	from, to, err := parseWindow(flags.since, flags.until, time.Now(), ofStripe)
	switch {
	case err != nil:
		return err
	case flags.samples < 0:
		return errors.New("--samples must not be negative")
	}
	client, carried, err := flags.sources(ctx, p)
	if err != nil {
		return err
	}
	sum := errorreport.Report{Samples: flags.samples}
	result := refusedUsage{From: from.UTC(), To: to.UTC()}
	listErr := flags.read(ctx, p, client, carried, &sum, &result)
	result.Partial = listErr != nil
	result.Usage, result.Reports, result.Lines = sum.Usage, sum.Reports, sum.Lines()
	result.Unreadable = append([]string{}, sum.Unreadable...)
	if flags.json {
		writeJSON(p.stdout, result)
	} else {
		result.show(newScreen(p, p.stdout), sum.CountUnreadable(), carried != nil)
	}
	switch {
	case errors.Is(listErr, context.Canceled):
		return errors.New("interrupted: the report is incomplete")
	case listErr != nil:
		return errors.New("the report is incomplete: " + eventError(listErr).Error())
	case sum.CountUnreadable() > 0:
		return &failure{count(sum.CountUnreadable(), "report") + " could not be read; meterbridge events show ID shows one"}
	case result.Usage > 0:
		return &failure{fmt.Sprintf("%s refused", count(int(result.Usage), "usage event"))}
	}
	return nil
}

// sources returns a client that may read events and, if a stack is given, its ledger.
func (f *reportFlags) sources(ctx context.Context, p process) (*v2events.Client, *ledger.Ledger, error) {
	if f.name == "" && f.folder == "" {
		key, err := operatorKey(ctx, p, nil, "API key that may read events (rk_… or sk_…)")
		if err != nil {
			return nil, nil, err
		}
		api, err := stripeFor(p, key, nil)
		if err != nil {
			return nil, nil, err
		}
		return v2events.NewClient(api), nil, nil
	}
	found, err := f.open(ctx)
	if err != nil {
		return nil, nil, err
	}
	client, err := eventsClient(ctx, p, &f.target, found, nil)
	if err != nil {
		return nil, nil, err
	}
	events, err := found.Ledger()
	return client, events, err
}

// read adds up the reports that Stripe lists.
func (f *reportFlags) read(ctx context.Context, p process, client *v2events.Client, carried *ledger.Ledger, sum *errorreport.Report, result *refusedUsage) error {
	const pageSize = 100 // the most that Stripe returns
	window := int(result.To.Sub(result.From).Seconds())
	bar := newBar(terminal(p), window, "reading") // nil if there is no terminal
	if bar != nil {
		defer func() { _ = bar.Finish() }()
	}
	params := v2events.EventListParams{
		Types: errorreport.Types, Context: f.context, Created: v2events.Range{GTE: result.From, LT: result.To}, Limit: pageSize,
	}
	for e, err := range client.List(ctx, params) {
		if err != nil {
			return err
		}
		if err := sum.Add(e); err != nil {
			return err
		}
		if carried != nil {
			record, err := carried.Look(ctx, ledger.Event{ID: e.ID, Context: e.Context})
			if err != nil {
				return awsctl.Explain(err)
			}
			if record.Phase != ledger.Emitted {
				result.NotCarried = append(result.NotCarried, listedEvent{e.ID, e.Type, e.Context, e.Created.UTC(), stateOf(record), record.Reason})
			}
		}
		if bar != nil { // Stripe lists the newest events first
			_ = bar.Set(min(max(int(result.To.Sub(e.Created).Seconds()), 0), window))
		}
	}
	return nil
}

func (r *refusedUsage) show(s *screen, unreadable int, withStack bool) {
	s.text("Usage that Stripe refused, %s to %s UTC", r.From.Format("2006-01-02 15:04"), r.To.Format("2006-01-02 15:04"))
	for _, l := range r.Lines {
		s.text("")
		s.line(s.paint(bad, printable(l.Code)), len(printable(l.Code)), "  "+count(int(l.Usage), "usage event")+" in "+count(l.Reports, "report"))
		fact := func(name, text string) {
			if text != "" {
				s.line("  "+pad(name, 9), 11, text)
			}
		}
		fact("meter", cmp.Or(l.Meter, "none: no meter has the event name"))
		fact("seen", l.First.Format(time.DateTime)+" to "+l.Last.Format(time.DateTime)+" UTC")
		for i, sample := range l.Samples {
			fact([]string{"samples", ""}[min(i, 1)], strings.TrimSpace(cmp.Or(sample.Identifier, "(no identifier)")+"  "+sample.Message))
		}
		if len(l.Samples) == 0 {
			fact("samples", "none")
		}
		fact("to do", l.Advice)
		if l.Code != errorreport.NoCode {
			fact("", errorreport.Page+"#"+l.Code)
		}
	}
	s.text("")
	for _, e := range r.NotCarried {
		s.line(s.paint(notice, pad(e.State, 9))+"  ", 11, strings.TrimSpace(e.EventID+" of "+e.Created.Format(time.DateTime)+" UTC  "+e.Reason))
	}
	if n := len(r.NotCarried); n > 0 {
		s.text("The bus has not carried %s: meterbridge redrive sends back what is parked, and meterbridge replay republishes what is missing.", count(n, "report"))
	} else if withStack && r.Reports > 0 {
		s.text("The bus has carried every report.")
	}
	if unreadable > 0 {
		s.line(s.paint(bad, "unreadable")+" ", 11, strings.Join(r.Unreadable, ", "))
	}
	text := fmt.Sprintf("%s refused, in %s.", count(int(r.Usage), "usage event"), count(r.Reports, "report"))
	if r.Partial {
		text = "INCOMPLETE: " + text
	}
	s.text("%s", text)
}

package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/meterbridge/meterbridge/internal/awsctl"
	"github.com/meterbridge/meterbridge/internal/ledger"
	"github.com/meterbridge/meterbridge/internal/redrive"
	"github.com/meterbridge/meterbridge/internal/stack"
)

type showFlags struct {
	target
	context string
	since   time.Duration
	json    bool
}

const showHelpText = `Show all that is known of an event: the ledger's record, the lines that the functions have logged, Stripe's own copy, and the
dead letters with it.

Reading the dead letters counts as a receive of each, which has no effect, and hides them for as long as the command runs.
A part that cannot be read is shown with the reason, and the others are shown all the same.

` + targetHelp

func newEventsShow(p process) *cobra.Command {
	var flags showFlags
	command := &cobra.Command{
		Use: "show ID", Short: "Show all that is known of an event", Long: showHelpText, Args: cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			return showEvent(command.Context(), p, flags, args[0])
		},
	}
	flags.add(command)
	f := command.Flags()
	f.StringVar(&flags.context, "context", "", "account of the event, if that is not the key's own")
	f.DurationVar(&flags.since, "logs", 72*time.Hour, "how far back to search the logs")
	f.BoolVar(&flags.json, "json", false, "print a JSON document")
	return command
}

// knownEvent is all that is known of an event. A part that could not be read is nil, and Faults says
// why.
type knownEvent struct {
	EventID string            `json:"event_id"`
	State   string            `json:"state"`
	Ledger  *ledgerObject     `json:"ledger"`
	Lines   []logObject       `json:"log"`
	Stripe  json.RawMessage   `json:"stripe"`
	Letters []redrive.Letter  `json:"dead_letters"`
	Faults  map[string]string `json:"faults,omitempty"` // by part
}

type ledgerObject struct {
	Attempts  int       `json:"failed_attempts"`
	Until     time.Time `json:"until,omitzero"`
	Written   time.Time `json:"written"`
	Reason    string    `json:"reason,omitempty"`
	LastError string    `json:"last_error,omitempty"`
}

type logObject struct {
	Function string          `json:"function"`
	Time     time.Time       `json:"time"`
	Line     json.RawMessage `json:"line"`
}

func showEvent(ctx context.Context, p process, flags showFlags, id string) error {
	found, err := flags.open(ctx)
	if err != nil {
		return err
	}
	known := knownEvent{EventID: id, Lines: []logObject{}, Letters: []redrive.Letter{}, Faults: map[string]string{}}
	note := func(part string, err error) {
		if err != nil {
			known.Faults[part] = err.Error()
		}
	}
	note("ledger", known.readLedger(ctx, found, ledger.Event{ID: id, Context: flags.context}))
	lines, err := found.Lines(ctx, time.Now().Add(-flags.since), time.Now().Add(time.Minute), id)
	note("log", err)
	for _, line := range lines {
		known.Lines = append(known.Lines, objectOfLine(line))
	}
	note("stripe", known.readStripe(ctx, p, flags, found))
	note("dead_letters", known.readLetters(ctx, found))
	if flags.json {
		writeJSON(p.stdout, known)
	} else {
		known.show(newScreen(p, p.stdout), lines)
	}
	if known.State == "missing" && known.Stripe == nil && len(lines) == 0 && len(known.Letters) == 0 {
		return &failure{fmt.Sprintf("nothing is known of %s: check the id, and --context for the event of another account", id)}
	}
	return nil
}

func (k *knownEvent) readLedger(ctx context.Context, found *awsctl.Stack, event ledger.Event) error {
	events, err := found.Ledger()
	if err != nil {
		return err
	}
	record, err := events.Look(ctx, event)
	if err != nil {
		return awsctl.Explain(err)
	}
	if k.State = stateOf(record); record.Phase != "" {
		k.Ledger = &ledgerObject{record.Attempts, record.Until.UTC(), record.Written.UTC(), record.Reason, record.LastError}
		if record.Until.IsZero() {
			k.Ledger.Until = time.Time{}
		}
	}
	return nil
}

func (k *knownEvent) readStripe(ctx context.Context, p process, flags showFlags, found *awsctl.Stack) error {
	client, err := eventsClient(ctx, p, &flags.target, found, liveID(k.EventID))
	if err != nil {
		return err
	}
	e, err := client.InContext(flags.context).Retrieve(ctx, k.EventID)
	if err != nil {
		return err
	}
	k.Stripe = e.Raw
	return nil
}

func (k *knownEvent) readLetters(ctx context.Context, found *awsctl.Stack) error {
	options := &redrive.Options{DryRun: true, Filter: redrive.Filter{Events: []string{k.EventID}}}
	options.Report = func(l redrive.Letter, outcome redrive.Outcome, _ error) {
		if outcome == redrive.Matched {
			k.Letters = append(k.Letters, l)
		}
	}
	reader, err := redrive.New(found.Config(), stack.FromOutputs(found.Outputs), options)
	if err != nil {
		return err
	}
	_, err = reader.Run(ctx)
	return awsctl.Explain(err)
}

func objectOfLine(line awsctl.Line) logObject {
	o := logObject{Function: line.Function, Time: loggedAt(line), Line: json.RawMessage(line.Text)}
	if !json.Valid(o.Line) {
		o.Line, _ = json.Marshal(line.Text) // texts have JSON
	}
	return o
}

func (k *knownEvent) show(s *screen, lines []awsctl.Line) {
	m := map[string]meaning{"emitted": good, "parked": bad, "missing": bad}[k.State]
	s.line(s.paint(cmp.Or(m, notice), pad(k.State, 10)), 10, k.EventID)
	if l := k.Ledger; l != nil {
		text := "written " + l.Written.Format(time.DateTime) + " UTC"
		if l.Attempts > 0 {
			text += fmt.Sprintf(", after %s", count(l.Attempts, "failed attempt"))
		}
		if !l.Until.IsZero() {
			text += ", until " + l.Until.Format(time.DateTime) + " UTC"
		}
		s.line(pad("ledger", 10), 10, text)
		if why := strings.TrimSuffix(strings.TrimSpace(l.Reason+": "+l.LastError), ":"); why != "" && k.State != "emitted" {
			s.line(pad("", 10), 10, why)
		}
	}
	for _, letter := range k.Letters {
		s.line(s.paint(bad, pad("letter", 10)), 10, aboutLetter(letter))
	}
	for _, part := range slices.Sorted(maps.Keys(k.Faults)) {
		s.line(s.paint(notice, pad(strings.ReplaceAll(part, "_", " ")+" ", 10)), max(10, len(part)+1), "not known: "+k.Faults[part])
	}
	s.text("")
	for _, line := range lines {
		showLine(process{}, s, line, false)
	}
	if len(lines) == 0 && k.Faults["log"] == "" {
		s.text("The functions have logged nothing about it.")
	}
	if k.Stripe != nil {
		s.text("")
		s.text("Stripe has:")
		for line := range strings.SplitSeq(indented(k.Stripe), "\n") {
			s.line("  ", 2, line)
		}
	}
}

func indented(raw json.RawMessage) string {
	text, err := json.MarshalIndent(raw, "", "  ")
	if err != nil {
		return string(raw)
	}
	return string(text)
}

// showLine shows a line of a log: as it is for scripts, otherwise the parts that a person needs.
func showLine(p process, s *screen, line awsctl.Line, asJSON bool) {
	if asJSON {
		writeJSON(p.stdout, objectOfLine(line))
		return
	}
	said, ok := parseLogLine(line.Text)
	at := loggedAt(line).Format("15:04:05.000")
	if !ok {
		m, text := readLog(line.Text)
		head := at + "  " + pad(line.Function, 10) + "  "
		s.line(s.paint(m, head), len(head), text)
		return
	}
	m, verb := good, said.Outcome
	switch {
	case said.Status >= 400:
		m, verb = bad, "refused"
	case verb == "parked":
		m = bad
	case verb == "deferred", verb == "duplicate":
		m = notice
	}
	text := strings.TrimSpace(cmp.Or(said.EventID, "(no event)") + "  " + said.EventType)
	if why := reasonIn(said); why != "" {
		text += "  " + why
	}
	s.line(at+"  "+pad(line.Function, 10)+"  "+s.paint(m, pad(verb, 9))+"  ", 37, text)
}

// reasonIn joins what a line says about a failure.
func reasonIn(said logLine) string {
	var parts []string
	if said.Status >= 400 {
		parts = append(parts, fmt.Sprintf("%d %s", said.Status, said.Outcome))
	}
	for _, part := range []string{said.Reason, said.Error} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, ": ")
}

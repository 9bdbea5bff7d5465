package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/meterbridge/meterbridge/internal/emulator/aws"
	"github.com/meterbridge/meterbridge/internal/emulator/outcome"
)

// An account is what has become of all events, at the end of a run. Its JSON is documented in
// docs/local.md.
type account struct {
	Time      time.Time      `json:"time"`
	Kind      kind           `json:"kind"`
	Stored    int            `json:"stored"`              // thin events
	Snapshots int            `json:"snapshots,omitempty"` // snapshot events, which are stored only
	Emitted   int            `json:"emitted"`
	Parked    map[string]int `json:"parked"` // by reason
	Ignored   int            `json:"ignored"`
	Lost      []string       `json:"lost"`
	Waiting   int            `json:"waiting"` // events that are not finished
	Refused   map[string]int `json:"refused"` // requests, by status and reason
	Consumers []consumption  `json:"consumers"`
	Letters   map[string]int `json:"letters"` // messages by the logical id of the queue that keeps what failed
}

// consumption is what a consumer did with its deliveries.
type consumption struct {
	Name      string         `json:"name"`
	Function  string         `json:"function,omitempty"` // the one that polls the queue
	Delivered int            `json:"delivered"`
	OK        int            `json:"ok"`
	Failed    int            `json:"failed_attempts"`
	Dropped   int            `json:"dropped"`
	Filtered  int            `json:"filtered,omitempty"`
	Waiting   int            `json:"waiting"`
	Kept      map[string]int `json:"kept,omitempty"`   // of those that were dropped, by queue
	Events    []string       `json:"events,omitempty"` // the first that were dropped

	elsewhere bool // a service that is not run locally
}

// takeAccount takes stock of a stack, which may have been closed.
func takeAccount(outcomes *outcome.Tracker, console *console, stack *aws.Stack) account {
	c, fetchQueue, messages := outcomes.Counts(), console.known().fetchQueue, stack.Messages()
	a := account{
		Kind: kindAccount, Stored: c.Stored, Snapshots: c.Snapshots, Emitted: c.Emitted, Parked: c.Reasons, Ignored: c.Ignored,
		Lost: append([]string{}, c.Lost...), Refused: console.refusals(), Consumers: consumed(outcomes, stack.RuleTargets()), Letters: map[string]int{},
	}
	// What is still in the queue has come to no end, and is not lost.
	a.Waiting = min(messages[fetchQueue], len(a.Lost))
	a.Lost = a.Lost[:len(a.Lost)-a.Waiting]
	for _, queue := range outcomes.DeadLetters() {
		if n := messages[queue]; n > 0 {
			a.Letters[queue] = n
		}
	}
	return a
}

// consumed returns what each consumer did.
func consumed(outcomes *outcome.Tracker, ruleTargets []aws.RuleTarget) []consumption {
	consumers := []consumption{}
	var targets []outcome.Target
	functions := map[string]string{}
	for _, t := range ruleTargets {
		targets = append(targets, outcome.Target{Name: t.ID, Answers: t.Function != ""})
		if t.Function != t.ID {
			functions[t.ID] = t.Function
		}
	}
	for _, c := range outcomes.Consumers(targets) {
		consumers = append(consumers, consumption{
			Name: c.Name, Function: functions[c.Name], Delivered: c.Delivered, OK: c.OK, Failed: c.Failed, Dropped: c.Dropped,
			Filtered: c.Filtered, Waiting: c.Open(), Kept: c.Kept, Events: c.Events, elsewhere: strings.HasPrefix(c.Name, "arn:"),
		})
	}
	return consumers
}

// empty reports whether nothing has happened.
func (a account) empty() bool {
	delivered := slices.ContainsFunc(a.Consumers, func(c consumption) bool { return c.Delivered > 0 })
	return a.Stored+a.Snapshots+len(a.Refused)+len(a.Letters) == 0 && !delivered
}

// droppers returns the consumers that have dropped events, each with how many.
func (a account) droppers() (texts []string) {
	for _, c := range a.Consumers {
		if c.Dropped > 0 {
			texts = append(texts, fmt.Sprintf("%s dropped %s", short(c.Name), count(c.Dropped, "event")))
		}
	}
	return texts
}

// A fact is a line of the account.
type fact struct {
	label, text string
	meaning     meaning
}

// summary is the first line of the account.
func (a account) summary() string {
	text := fmt.Sprintf("%s stored: %d emitted in full, %d parked, %d of types that no rule fetches, %d lost",
		count(a.Stored, "thin event"), a.Emitted, total(a.Parked), a.Ignored, len(a.Lost))
	if a.Waiting > 0 {
		text += fmt.Sprintf(", %d not finished", a.Waiting)
	}
	return text
}

// facts are the other lines: what is worth knowing about this run.
func (a account) facts() (facts []fact) {
	add := func(m meaning, label, format string, arguments ...any) {
		facts = append(facts, fact{label, fmt.Sprintf(format, arguments...), m})
	}
	if a.Snapshots > 0 {
		add(plain, "snapshot", "%s stored", count(a.Snapshots, "event"))
	}
	for _, reason := range slices.Sorted(maps.Keys(a.Parked)) {
		add(bad, "parked", "%d %s", a.Parked[reason], withWords(reason))
	}
	const most = 20
	for _, id := range a.Lost[:min(most, len(a.Lost))] {
		add(bad, "lost", "%s", id)
	}
	if more := len(a.Lost) - most; more > 0 {
		add(bad, "lost", "and %d more", more)
	}
	for _, reason := range slices.Sorted(maps.Keys(a.Refused)) {
		add(notice, "refused", "%d × %s", a.Refused[reason], reason)
	}
	for _, c := range a.Consumers {
		add(c.meaning(), "consumer", "%s", c)
	}
	for _, queue := range slices.Sorted(maps.Keys(a.Letters)) {
		add(notice, "letters", "%s in %s", count(a.Letters[queue], "event"), queue)
	}
	return facts
}

func (c consumption) meaning() meaning {
	switch {
	case c.Dropped > 0:
		return bad
	case c.Failed > 0 || c.Waiting > 0:
		return notice
	case c.OK > 0:
		return good
	}
	return plain
}

// String returns the line of the account about the consumer.
func (c consumption) String() string {
	name := short(c.Name)
	if c.Function != "" {
		name += ", read by " + short(c.Function)
	}
	if c.elsewhere {
		return fmt.Sprintf("%s: not run locally, %s", name, count(c.Delivered, "event"))
	}
	if c.Delivered == 0 {
		return name + ": no event matched its rule"
	}
	text := fmt.Sprintf("%s: %d ok, %s, %d dropped", name, c.OK, count(c.Failed, "failed try"), c.Dropped)
	var kept []string
	for _, queue := range slices.Sorted(maps.Keys(c.Kept)) {
		kept = append(kept, fmt.Sprintf("%d kept in %s", c.Kept[queue], queue))
	}
	if len(kept) > 0 {
		text += " (" + strings.Join(kept, ", ") + ")"
	}
	for _, part := range []struct {
		n    int
		text string
	}{{c.Filtered, "filtered out"}, {c.Waiting, "not finished"}} {
		if part.n > 0 {
			text += fmt.Sprintf(", %d %s", part.n, part.text)
		}
	}
	return text
}

func total(counts map[string]int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}

// account prints an account, also with --quiet.
func (c *console) account(a account) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a.Time = c.now()
	if c.json != nil {
		writeJSON(c.json, a)
		return
	}
	if a.empty() {
		return
	}
	c.screen.text("")
	c.screen.text("%s", a.summary())
	for _, f := range a.facts() {
		c.labelled(f.meaning, f.label, f.text)
	}
}

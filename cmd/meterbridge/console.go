package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/meterbridge/meterbridge/internal/bus"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
)

// console prints the stack's activity to standard error, a line for each step of an event.
type console struct {
	mu      sync.Mutex
	out     io.Writer
	color   bool
	verbose bool                 // print the functions' logs
	started bool                 // the stack has started
	builds  map[string]time.Time // when a line about the build of a function was last printed
}

func newConsole(p process, verbose bool) *console {
	file, isFile := p.stderr.(*os.File)
	_, plain := p.env("NO_COLOR")
	return &console{out: p.stderr, verbose: verbose, color: isFile && !plain && isTerminal(file), builds: map[string]time.Time{}}
}

func (c *console) printf(format string, arguments ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fmt.Fprintf(c.out, format+"\n", arguments...)
}

func (c *console) event(at time.Time, id, verb, format string, arguments ...any) {
	c.printf("%s  %-18s %s %s", at.Format("15:04:05.000"), shorten(id), c.paint(verb, fmt.Sprintf("%-9s", verb)), fmt.Sprintf(format, arguments...))
}

// Observe implements [activity.Observer].
func (c *console) Observe(step activity.Step) {
	for _, text := range []*string{&step.EventID, &step.EventType, &step.Source, &step.Name, &step.Target, &step.Text} {
		*text = printable(*text)
	}
	switch step.Kind {
	case activity.Building:
		c.building(step)
	case activity.Built:
		c.printf("  built    %s in %.1f s", step.Name, step.Took.Seconds())
	case activity.Received:
		c.event(step.Time, step.EventID, "received", "%s, %d bytes", step.Text, step.Count)
	case activity.Answered:
		c.event(step.Time, step.EventID, "answered", "%d by %s in %s", step.Status, step.Name, round(step.Took))
	case activity.Put:
		c.event(step.Time, step.EventID, putVerb(step.Source), "%s  %s", step.Source, step.EventType)
	case activity.Matched:
		c.event(step.Time, step.EventID, "rule", "%s → %s", step.Name, step.Target)
	case activity.Unmatched:
		c.event(step.Time, step.EventID, "no rule", "of %s matches", step.Name)
	case activity.Invoked:
		c.invoked(step)
	case activity.Unrouted:
		c.event(step.Time, step.EventID, "refused", "%d: %s", step.Status, step.Text)
	case activity.Undelivered:
		c.event(step.Time, step.EventID, "failed", "%s could not deliver to %s: %v", step.Name, step.Target, step.Err)
	case activity.GaveUp:
		c.event(step.Time, step.EventID, "failed", "%s gave up after %d attempts", step.Name, step.Attempt)
	case activity.Faulted:
		c.faulted(step)
	case activity.Parked:
		c.event(step.Time, step.EventID, "parked", "in %s: %s", step.Name, step.Text)
	case activity.Logged:
		c.logged(step)
	case activity.Warned:
		c.printf("%s %s", c.paint("warning", "  warning "), step.Text)
	}
}

// building prints a line of a function's build every few seconds, to show progress.
func (c *console) building(step activity.Step) {
	const interval = 3 * time.Second
	c.mu.Lock()
	last, known := c.builds[step.Name]
	show := !known || step.Time.Sub(last) >= interval
	if show {
		c.builds[step.Name] = step.Time
	}
	c.mu.Unlock()
	if show {
		c.printf("  build    %s: %s", step.Name, step.Text)
	}
}

func (c *console) invoked(step activity.Step) {
	switch {
	case step.Err != nil:
		c.event(step.Time, step.EventID, "failed", "%s: %v", step.Name, step.Err)
	case step.Failed > 0:
		c.event(step.Time, step.EventID, "retry", "%s returned %d of %d messages to the queue", step.Name, step.Failed, step.Count)
	}
}

func (c *console) faulted(step activity.Step) {
	id, more := "", ""
	if len(step.Batch) > 0 {
		id = step.Batch[0]
	}
	if len(step.Batch) > 1 {
		more = fmt.Sprintf(", with %d other events", len(step.Batch)-1)
	}
	c.event(step.Time, id, "fault", "%s: %s%s", step.Name, step.Text, more)
}

// logged prints a function's log if the user asked for it, or while the stack starts.
func (c *console) logged(step activity.Step) {
	c.mu.Lock()
	show := c.verbose || !c.started
	c.mu.Unlock()
	if show {
		c.printf("  log      %s: %s", step.Name, step.Text)
	}
}

func (c *console) fetched(id, request string, status int) {
	c.event(time.Now(), printable(id), "fetched", "%s → %d", printable(request), status)
}

func (c *console) ready() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.started = true
}

func putVerb(source string) string {
	switch source {
	case bus.SourceEvent:
		return "emitted"
	case bus.SourceFailure:
		return "gave up"
	default:
		return "stored"
	}
}

func (c *console) paint(verb, text string) string {
	colors := map[string]string{"emitted": "32", "failed": "31", "gave up": "31", "parked": "31", "warning": "33", "retry": "33", "fault": "35"}
	code, known := colors[verb]
	if !c.color || !known {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// shorten keeps the beginning and the end of an id, because ids differ at their end.
func shorten(id string) string {
	const most = 18
	if len(id) <= most {
		return id
	}
	return id[:9] + "…" + id[len(id)-8:]
}

func round(d time.Duration) time.Duration {
	if d > time.Second {
		return d.Round(10 * time.Millisecond)
	}
	return d.Round(100 * time.Microsecond)
}

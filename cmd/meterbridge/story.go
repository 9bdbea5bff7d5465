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

// story tells people what happens, a line for each step.
type story struct {
	mu      sync.Mutex
	out     io.Writer
	color   bool
	verbose bool
	builds  map[string]time.Time // functions that are being built, and when their last line was shown
	ready   bool
}

func newStory(p process, verbose bool) *story {
	file, isFile := p.stderr.(*os.File)
	_, plain := p.env("NO_COLOR")
	return &story{out: p.stderr, verbose: verbose, color: isFile && !plain && isTerminal(file), builds: map[string]time.Time{}}
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// say prints lines that belong to no event.
func (s *story) say(format string, arguments ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(s.out, format+"\n", arguments...)
}

// tell prints one step of an event: when, which, what, and how.
func (s *story) tell(at time.Time, id, verb, format string, arguments ...any) {
	s.say("%s  %-18s %s %s", at.Format("15:04:05.000"), shorten(id), s.paint(verb, fmt.Sprintf("%-9s", verb)), fmt.Sprintf(format, arguments...))
}

// Observe implements local.Observer.
func (s *story) Observe(step activity.Step) {
	for _, text := range []*string{&step.EventID, &step.EventType, &step.Source, &step.Name, &step.Target, &step.Text} {
		*text = printable(*text)
	}
	switch step.Kind {
	case activity.Building:
		s.building(step)
	case activity.Built:
		s.say("  built    %s in %.1f s", step.Name, step.Took.Seconds())
	case activity.Received:
		s.tell(step.Time, step.EventID, "received", "%s, %d bytes", step.Text, step.Count)
	case activity.Answered:
		s.tell(step.Time, step.EventID, "answered", "%d by %s in %s", step.Status, step.Name, round(step.Took))
	case activity.Put:
		s.tell(step.Time, step.EventID, putVerb(step.Source), "%s  %s", step.Source, step.EventType)
	case activity.Matched:
		s.tell(step.Time, step.EventID, "rule", "%s → %s", step.Name, step.Target)
	case activity.Unmatched:
		s.tell(step.Time, step.EventID, "no rule", "of %s takes it", step.Name)
	case activity.Invoked:
		s.invoked(step)
	case activity.Faulted:
		s.faulted(step)
	case activity.Parked:
		s.tell(step.Time, step.EventID, "parked", "in %s: %s", step.Name, step.Text)
	case activity.Logged:
		s.logged(step)
	case activity.Warned:
		s.say("%s %s", s.paint("warning", "  warning "), step.Text)
	}
}

// building shows at most one line of a function's build every few seconds: enough to see that a long one lives.
func (s *story) building(step activity.Step) {
	const interval = 3 * time.Second
	s.mu.Lock()
	last, known := s.builds[step.Name]
	show := !known || step.Time.Sub(last) >= interval
	if show {
		s.builds[step.Name] = step.Time
	}
	s.mu.Unlock()
	if show {
		s.say("  build    %s: %s", step.Name, step.Text)
	}
}

func (s *story) invoked(step activity.Step) {
	switch {
	case step.Err != nil:
		s.tell(step.Time, step.EventID, "failed", "%s: %v", step.Name, step.Err)
	case step.Failed > 0:
		s.tell(step.Time, step.EventID, "retry", "%s gave %d of %d messages back for later", step.Name, step.Failed, step.Count)
	}
}

func (s *story) faulted(step activity.Step) {
	id, more := "", ""
	if len(step.Batch) > 0 {
		id = step.Batch[0]
	}
	if len(step.Batch) > 1 {
		more = fmt.Sprintf(", with %d other events", len(step.Batch)-1)
	}
	s.tell(step.Time, id, "fault", "%s: %s%s", step.Name, step.Text, more)
}

// logged shows a function's log when it was asked for, and before the stack is ready, when it tells why a start fails.
func (s *story) logged(step activity.Step) {
	s.mu.Lock()
	show := s.verbose || !s.ready
	s.mu.Unlock()
	if show {
		s.say("  log      %s: %s", step.Name, step.Text)
	}
}

// fetched tells of a request that the sandbox answered.
func (s *story) fetched(id, request string, status int) {
	s.tell(time.Now(), printable(id), "fetched", "%s → %d", printable(request), status)
}

// isReady ends the opening: from here on the functions' logs are shown only when asked for.
func (s *story) isReady() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ready = true
}

// putVerb says what a put on the bus means for the event.
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

// paint colours a verb's text on a terminal.
func (s *story) paint(verb, text string) string {
	colors := map[string]string{"emitted": "32", "failed": "31", "gave up": "31", "parked": "31", "warning": "33", "retry": "33", "fault": "35"}
	code, known := colors[verb]
	if !s.color || !known {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// shorten keeps the beginning and the end of an id, which are what tells ids apart.
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

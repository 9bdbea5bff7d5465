package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rivo/uniseg"
)

// A console shows what happens in the stack: as a story on standard error, with a line for each
// step of an event, or with --output json as objects on standard output.
type console struct {
	*narrator
	flags outputFlags

	mu       sync.Mutex
	screen   *screen
	json     io.Writer            // nil unless --output json
	started  bool                 // the stack has started
	now      func() time.Time     // the stack's clock, which may skip
	brief    bool                 // a soak: of the steps, only those of the start
	sampling bool                 // samples are being sent, some of which are refused on purpose
	builds   map[string]time.Time // when a line about the build of a function was last printed
	ids      int                  // columns of the longest id so far
	refused  map[string]int       // refused requests by what the story says
}

func newConsole(p process, flags outputFlags) *console {
	c := &console{flags: flags, screen: newScreen(p, p.stderr), now: time.Now, builds: map[string]time.Time{}, refused: map[string]int{}}
	if flags.output == outputJSON {
		c.json = p.stdout
	}
	c.narrator = newNarrator(c.tell)
	return c
}

// note prints a line of the story that is not about a step.
func (c *console) note(format string, arguments ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.json == nil && !c.flags.quiet {
		c.screen.text(format, arguments...)
	}
}

// fact prints a line about the stack, under a label.
func (c *console) fact(label, format string, arguments ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.json == nil && !c.flags.quiet {
		c.labelled(plain, label, fmt.Sprintf(format, arguments...))
	}
}

// labelled prints a line with a label in place of time and event.
func (c *console) labelled(m meaning, label, text string) {
	const column = 11
	c.screen.line("  "+c.screen.paint(m, pad(label, column-2)), column, text)
}

// timed prints a line with a time and a label in place of the event.
func (c *console) timed(at time.Time, m meaning, label, text string) {
	head := c.screen.paint(faint, at.Local().Format(timeLayout)) + "  " + c.screen.paint(m, label) + "  "
	c.screen.line(head, len(timeLayout)+len(label)+4, text)
}

// warn prints a warning, also with --quiet.
func (c *console) warn(format string, arguments ...any) {
	c.tell(entry{Time: c.clock(), Kind: kindWarning, meaning: notice, Text: fmt.Sprintf(format, arguments...)})
}

// tell shows an entry, if the flags want it.
func (c *console) tell(e entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e.Kind == kindRefused {
		c.refused[e.Text]++
	}
	switch {
	case !c.wanted(e):
	case c.json != nil:
		writeJSON(c.json, e)
	case e.Kind == kindLog:
		c.log(e)
	case e.Kind == kindBuilding, e.Kind == kindBuilt, e.Kind == kindReady, e.Kind == kindWarning:
		c.labelled(e.meaning, e.verb(), e.Text)
	case e.Kind == kindReloaded:
		c.timed(e.Time, e.meaning, e.verb(), e.Text)
	case e.Kind == kindBroken: // the output of a build has several lines
		first, rest, _ := strings.Cut(strings.TrimRight(e.Text, "\n"), "\n")
		c.timed(e.Time, e.meaning, e.verb(), first)
		for line := range strings.Lines(rest) {
			c.labelled(e.meaning, "", strings.TrimRight(line, "\n"))
		}
	case e.Kind == kindSample:
		c.screen.text("%s", e.Text)
	default:
		c.line(e)
	}
}

// wanted reports whether an entry is shown.
func (c *console) wanted(e entry) bool {
	switch {
	case e.Kind == kindLog:
		return c.wantsLog(e)
	case c.brief && c.started && !c.flags.verbose && c.json == nil:
		return false
	case c.flags.quiet && e.Kind == kindRefused && c.sampling:
		return false // if it was not expected, the sample says so
	case c.flags.quiet:
		return e.meaning == notice || e.meaning == bad
	case e.Kind == kindBuilding && c.json == nil:
		return c.progress(e)
	}
	return true
}

// progress reports whether it is time for another line of a function's build.
func (c *console) progress(e entry) bool {
	const interval = 3 * time.Second
	last, known := c.builds[e.Name]
	if known && e.Time.Sub(last) < interval {
		return false
	}
	c.builds[e.Name] = e.Time
	return true
}

// wantsLog reports whether a function's log line is shown: if the user asked for it, or while the
// stack starts. Metrics are only for machines.
func (c *console) wantsLog(e entry) bool {
	asked := slices.ContainsFunc(c.flags.logs, func(name string) bool { return name == e.Name || name == short(e.Name) })
	if isMetric(e.line) {
		return asked && c.json != nil
	}
	return asked || c.flags.verbose || !c.started
}

// The columns of a line: time, id, verb and text, which starts at column 40 of 80.
const (
	timeLayout  = "15:04:05.000"
	leastID     = 13
	verbColumns = 9
)

// line prints an entry about an event.
func (c *console) line(e entry) {
	width := c.screen.width()
	if width > 0 {
		c.ids = leastID + min(max(0, width-80), 20)
	}
	id := elide(e.EventID, idLimit(width, c.ids))
	c.ids = max(c.ids, leastID, uniseg.StringWidth(id))
	s := c.screen
	head := s.paint(faint, e.Time.Local().Format(timeLayout)) + "  " + pad(id, c.ids) + "  " + s.paint(e.meaning, pad(e.verb(), verbColumns)) + "  "
	s.line(head, len(timeLayout)+c.ids+verbColumns+6, e.Text)
}

// idLimit returns how many columns an id may have: where nothing is cut, all.
func idLimit(width, columns int) int {
	if width == 0 {
		return 0
	}
	return columns
}

func (c *console) fetched(id, path string, status int) {
	e := entry{Time: c.clock(), Kind: kindFetched, EventID: id, Status: status, Text: fmt.Sprintf("%d from Stripe", status), meaning: faint}
	if status >= 400 {
		e.meaning = notice
	}
	c.tell(e)
}

// ready ends the start of the stack, during which all logs are shown. now is the stack's clock.
func (c *console) ready(names names, now func() time.Time) {
	c.know(names)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.started, c.now = true, now
}

func (c *console) clock() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now()
}

// begun tells that the stack can be used.
func (c *console) begun(webhook string, took time.Duration) {
	c.tell(entry{Time: c.clock(), Kind: kindReady, Text: "in " + duration(took), Target: webhook, Took: millis(took)})
}

// refusals returns the numbers of refused requests so far, by what the story says about them. It
// first ends the wait for reasons that are not known yet.
func (c *console) refusals() map[string]int {
	c.flush()
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.refused)
}

// samples tells whether samples are being sent.
func (c *console) samples(sending bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sampling = sending
}

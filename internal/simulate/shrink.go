package simulate

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// mostRuns and mostEvents bound the work of shrinking: the worlds, and the events of all together.
const (
	mostRuns   = 400
	mostEvents = 1_000_000
)

// A shrinker looks for a smaller world in which the same is wrong.
type shrinker struct {
	t     *testing.T
	wrong string // the kind of what is wrong
	runs  int
	left  int     // events that may still happen
	best  Options // the smallest world so far
	shown Result  // and what it has shown
}

// Shrink returns the options of a world with as few events and faults as possible in which the same
// is wrong as was first in the world of opts, and its result with the text. It is deterministic.
func Shrink(t *testing.T, opts Options) (Options, Result) {
	t.Helper()
	opts.record = true
	s := &shrinker{t: t, left: mostEvents, best: opts, shown: Run(t, opts)}
	if s.shown.OK() {
		return opts, s.shown
	}
	first := s.shown.wrongs[0]
	s.wrong = first.kind()
	s.try(func(o *Options) { o.kept = setOf([]uint32{first.event}) })
	s.leaveOutEvents()
	s.leaveOutFaults()
	s.leaveOutEvents()
	s.best.Text = true
	return s.best, Run(t, s.best)
}

// kind returns a text that is the same whichever event breaks a promise.
func (x wrong) kind() string {
	text, _, _ := strings.Cut(x.text, ":")
	return string(x.class) + strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r == '.' {
			return -1
		}
		return r
	}, text)
}

// try runs a changed world, and keeps the change if the same is wrong in it.
func (s *shrinker) try(change func(*Options)) bool {
	opts := s.best
	change(&opts)
	if s.left -= opts.happening(); s.runs == mostRuns || s.left < 0 {
		return false
	}
	s.runs++
	r := Run(s.t, opts)
	if !slices.ContainsFunc(r.wrongs, func(x wrong) bool { return x.kind() == s.wrong }) {
		return false
	}
	s.best, s.shown = opts, r
	return true
}

// happening returns how many events happen.
func (o *Options) happening() int {
	if o.kept == nil {
		return o.Events
	}
	return len(o.kept)
}

func (s *shrinker) leaveOutEvents() {
	var kept []uint32
	for i := range uint32(s.best.Events) {
		if s.best.kept == nil || s.best.kept[i] {
			kept = append(kept, i)
		}
	}
	minimize(kept, func(some []uint32) bool {
		return s.try(func(o *Options) { o.kept = setOf(some) })
	})
}

func (s *shrinker) leaveOutFaults() {
	minimize(s.shown.struck, func(some []strike) bool {
		return s.try(func(o *Options) { o.only = setOf(some) })
	})
}

func setOf[T comparable](items []T) map[T]bool {
	set := make(map[T]bool, len(items))
	for _, item := range items {
		set[item] = true
	}
	return set
}

// minimize looks for a small part of items with which passes still returns true, by leaving out
// larger and then smaller pieces: https://www.st.cs.uni-saarland.de/papers/tse2002/tse2002.pdf
func minimize[T any](items []T, passes func([]T) bool) {
	if len(items) == 0 || passes(nil) {
		return
	}
	for pieces := 2; len(items) > 1; {
		size := (len(items) + pieces - 1) / pieces
		smaller := false
		for start := 0; start < len(items) && !smaller; start += size {
			rest := slices.Concat(items[:start], items[min(start+size, len(items)):])
			if smaller = passes(rest); smaller {
				items = rest
			}
		}
		switch {
		case smaller:
			pieces = max(pieces-1, 2)
		case size == 1:
			return
		default:
			pieces = min(2*pieces, len(items))
		}
	}
}

// Explain describes a shrunk world in lines that a person can read: its faults, its history and what
// is wrong.
func Explain(opts Options, r Result) []string {
	lines := []string{fmt.Sprintf("seed %d, events: %d of %d, faults: %d", opts.Seed, opts.happening(), opts.Events, len(r.struck))}
	for _, s := range r.struck {
		lines = append(lines, "  fault: "+s.String())
	}
	lines = append(lines, abridge(r.Text)...)
	for _, x := range r.wrongs[:min(len(r.wrongs), 3)] {
		lines = append(lines, "  "+x.String())
	}
	return lines
}

func (s strike) String() string {
	switch {
	case s.fault == windowed:
		return windowNames[s.id]
	case s.fault == runSkipped, s.fault == runTwice:
		return fmt.Sprintf("%v, run %d", s.fault, s.id)
	case s.fault.aboutEvent() && s.id < runKey:
		return fmt.Sprintf("%v, %s, after %d such calls", s.fault, eventID(s.id), s.n)
	}
	return fmt.Sprintf("%v, after %d such calls", s.fault, s.n)
}

// mostLines is how many lines of a history are worth reading, and fewestLines how many it takes to
// understand it.
const (
	mostLines   = 60
	fewestLines = 6
)

// abridge leaves out the calls of scheduled runs that are about no event, unless little else happened,
// and of a history that is still long the middle, except for what is wrong in it.
func abridge(text []string) []string {
	lines := slices.DeleteFunc(slices.Clone(text), func(line string) bool {
		return strings.Contains(line, " reconciler-") && !strings.Contains(line, "evt_") && !strings.Contains(line, "WRONG") &&
			!strings.Contains(line, "crashes")
	})
	if len(lines) < fewestLines {
		lines = slices.Clone(text)
	}
	if len(lines) > mostLines {
		first, last := lines[:mostLines/3], lines[len(lines)-mostLines*2/3:]
		wrong := slices.DeleteFunc(slices.Clone(lines[len(first):len(lines)-len(last)]), func(line string) bool { return !strings.Contains(line, "WRONG") })
		wrong = wrong[:min(len(wrong), mostLines/3)]
		left := fmt.Sprintf("… %d lines …", len(lines)-len(first)-len(wrong)-len(last))
		lines = slices.Concat(first, []string{left}, wrong, last)
	}
	for i, line := range lines {
		lines[i] = clip(line)
	}
	return lines
}

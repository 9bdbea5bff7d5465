package simulate

import (
	"strings"
	"time"

	"github.com/meterbridge/meterbridge/internal/ledger/model"
)

// A world is one simulation: Stripe, AWS, and the three functions between them.
type world struct {
	seed     seed
	settings *settings
	windows  []window
	quiet    time.Duration // when faults stop
	opts     *Options
	schedule *schedule
	history  *history
	verdict  verdict

	events   []event
	pending  int               // events that are owed, and neither emitted nor parked yet
	counters map[uint64]uint16 // of calls that are not about an event: see count
	struck   []strike          // if the options want to know

	pools       [kinds]pool
	underway    map[*invocation]bool
	invocations int
	instances   int

	stripe  stripe
	queue   queue
	secrets secrets
	holders uint64                  // claims so far
	streams map[string]*streamState // of the reconciler, by name
	chunks  map[string]string       // see chunksOf
	calm    int                     // scheduled runs since there was something left to do

	letters  []uint32      // events in the dead-letter queue
	redriven time.Duration // when an operator sent them back; 0 if that has not happened
	happened Happened
	tally    tally
}

// Happened counts what happened in a world.
type Happened struct {
	Calls, Invocations      int
	Stored, Emitted, Parked int // entries and letters
	Listed, Republished     int // by the reconciler
	Faults, Crashes         int
}

// An event is the state of an event. A world may have a million of them.
type event struct {
	cell, before model.Cell
	written      time.Duration // when cell replaced before
	counts       [ops]uint16   // of calls about it
	deliveries   uint16
	messages     uint16
	waiting      uint16 // messages that are not gone, or are on their way from the rule
	receives     uint16

	lookup      uint32 // the invocation that was last told whether the ledger knows it; 0 if none was
	lookupKnown bool   // and what it was told

	dropped bool // it does not happen
	stored  bool // on the bus, as a thin event or a snapshot
	pending bool
	emitted uint16
	excused uint16 // emissions that may have been repeated: see explain
}

// noEvent is the number of something that is not about an event.
const noEvent = ^uint32(0)

// event returns the state of an event, or nil for a number that no event has.
func (w *world) event(i uint32) *event {
	if int64(i) >= int64(len(w.events)) {
		return nil
	}
	return &w.events[i]
}

// say adds a line to the history.
func (w *world) say(words ...string) {
	w.history.add(w.schedule.now, words...)
	if w.opts.forbidden != "" && strings.Contains(strings.Join(words, " "), w.opts.forbidden) {
		w.history.add(w.schedule.now, "WRONG: this is forbidden")
		w.verdict.add(wrong{broken, noEvent, "a line of the history is forbidden", w.schedule.now})
	}
}

func newWorld(opts *Options) *world {
	s := seed(opts.Seed)
	w := &world{
		seed: s, opts: opts, schedule: newSchedule(), history: newHistory(opts.Text),
		events: make([]event, opts.Events), counters: map[uint64]uint16{}, underway: map[*invocation]bool{}, streams: map[string]*streamState{},
	}
	w.settings = newSettings(s, opts.Events)
	if opts.Burst != nil {
		w.settings = opts.Burst.settings()
	}
	w.chunks = chunksOf(w.settings.types)
	w.schedule.admit, w.schedule.release = w.admit, w.release
	w.queue.ready.less = turn.before
	for i := range w.events {
		w.events[i].dropped = opts.kept != nil && !opts.kept[uint32(i)]
	}
	w.newWindows()
	w.secrets = w.newSecrets()
	w.pools[webhookKind].most, w.pools[fetcherKind].most, w.pools[reconcilerKind].most = w.settings.webhooks, w.settings.fetchers, 4
	return w
}

// run runs the world to its end.
func (w *world) run() {
	w.happen(0)
	for _, window := range w.windows {
		w.schedule.at(window.from, func() {
			w.say("from now on", windowNames[window.kind], "for", (window.to - window.from).String())
			if window.kind == queuePurged {
				w.purge()
			}
		})
	}
	w.schedule.at(between(w.seed.at(placeSettings, 101, 0), 0, interval), func() { w.tick(0) })
	if w.opts.Burst != nil {
		w.sample()
	}
	w.schedule.run()
	w.judge()
}

// interval is that of the reconciler's schedule in template.yaml; a test compares them.
const interval = 15 * time.Minute

// tick invokes the reconciler on its schedule, or ends the world.
func (w *world) tick(n uint32) {
	if w.finished() {
		w.end()
		return
	}
	w.schedule.after(interval, func() { w.tick(n + 1) })
	if !w.strikes(runSkipped, n, 0) {
		w.reconcile(n)
	}
	if w.strikes(runTwice, n, 0) {
		again := spread(w.seed.at(placeRandom, 1, uint64(n)), time.Millisecond, 10*time.Minute)
		w.schedule.after(again, func() { w.reconcile(n) })
	}
}

const (
	// patience is how long the world goes on after the last fault, besides the time that the events
	// took: the reconciler may have to catch up with all of them. Stripe tries for three days, and
	// whatever is left to do in the end is lost.
	patience = 6 * 24 * time.Hour

	// calmRuns is the number of scheduled runs after everything is done, in which nothing may happen
	// any more.
	calmRuns = 4
)

// finished reports whether there is nothing left to do, and has not been for a few runs.
func (w *world) finished() bool {
	busy := w.pending > 0 || w.stripe.outstanding > 0 || w.queue.size+w.queue.coming > 0 || len(w.underway) > 0
	switch {
	case w.schedule.now > w.quiet+patience+w.last():
		return true
	case w.schedule.now < w.quiet, busy:
		w.calm = 0
		return false
	}
	w.calm++
	if w.settings.redrive && w.redriven == 0 {
		w.redrive()
		return false
	}
	return w.calm > calmRuns
}

// end ends the world.
func (w *world) end() {
	w.schedule.over.Store(true)
	for _, from := range w.working() {
		w.kill(from, "is no longer needed")
	}
	for k := range w.pools {
		for _, from := range w.pools[k].idle {
			from.die()
		}
	}
}

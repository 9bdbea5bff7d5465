// Package simulate runs the three functions in a simulated world, deterministically: the same seed
// gives the same history, byte for byte.
//
// The functions are the real ones, down to the adapters' own decisions. What they call is simulated:
// Stripe, the bus with its rule, the queues, the ledger, the secrets, and Lambda, which starts,
// crashes and times out their processes. [Run] runs one world in a testing/synctest bubble, in which
// time passes only when nothing else can happen. Whenever a process calls a service it waits; when
// all processes wait, the pending calls are sorted by operation and id, and each gets its latency and
// its fault from the seed. Then exactly one thing happens: the earliest timer, or the earliest
// pending call has its effect or its answer. See schedule.
//
// All decisions are drawn by hashing the seed with what they are about, such as the operation, the
// event and the number of earlier calls. So if one event or fault is left out the others stay as they
// are, and [Shrink] can look for the smallest world in which a promise is broken.
//
// The verdict compares what happened with what Meterbridge promises: see promises.go. Events are
// owed from the time at which they happen, and must have been emitted or parked when faults have
// stopped and nothing is left to do. The package supports tests only.
package simulate

import (
	"crypto/sha256"
	"testing"
	"testing/synctest"
)

// Options are what a world depends on.
type Options struct {
	Seed   uint64
	Events int

	// Text keeps the text of the history, which is long.
	Text bool

	// Burst makes all events happen at once, without a fault. Nil means an ordinary world.
	Burst *Burst

	record    bool            // keep the strikes
	only      map[strike]bool // what may strike; nil means everything
	kept      map[uint32]bool // the events that happen; nil means all
	forbidden string          // it is wrong if a line of the history has this; "" means nothing
}

// A Result is what a world has shown.
type Result struct {
	History  [sha256.Size]byte // the hash of the history
	Text     []string          // its lines, if the options ask for them
	Lost     int               // events that are owed, or of which the only message was deleted
	Forged   int               // things that Stripe has not sent
	Doubled  int               // events that were emitted more than once, with or without an explanation
	Happened Happened

	wrongs []wrong  // empty if nothing is wrong
	struck []strike // if the options ask for them
	tally  tally
}

// OK reports whether every promise was kept.
func (r *Result) OK() bool { return len(r.wrongs) == 0 }

// Run runs a world to its end.
func Run(t *testing.T, opts Options) (r Result) {
	t.Helper()
	synctest.Test(t, func(*testing.T) {
		w := newWorld(&opts)
		w.run()
		r = w.result()
	})
	return r
}

func (w *world) result() Result {
	w.happened.Invocations = w.invocations
	r := Result{
		History: w.history.sum(), Text: w.history.text, Happened: w.happened,
		Lost: w.verdict.counts[lost], Forged: w.verdict.counts[forged],
		wrongs: w.verdict.wrongs, struck: w.struck, tally: w.tally,
	}
	for i := range w.events {
		if w.events[i].emitted > 1 {
			r.Doubled++
		}
	}
	return r
}

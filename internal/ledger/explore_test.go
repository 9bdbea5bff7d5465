package ledger_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/meterbridge/meterbridge/internal/ledger"
	"github.com/meterbridge/meterbridge/internal/ledger/model"
)

// A point is a worker's progress with its message.
type point int

const (
	waiting    point = iota // the message is in the queue
	fetching                // the event is claimed
	publishing              // the full event is fetched
	parking                 // Stripe's answer was final
	settling                // the ledger is to record the outcome
	ending                  // the message is to be deleted or deferred
	gone                    // the message is deleted
)

func (p point) busy() bool { return p != waiting && p != gone }

// A worker is one delivery of the event. It follows the fetcher's steps: claim, fetch, publish or
// park, settle, delete or defer.
type worker struct {
	at      point
	outcome ledger.Phase // set from settling on
	tries   int
}

// A world is the state that two deliveries of one event share, and a count of what happened.
type world struct {
	record  model.Cell
	workers [2]worker
	faults  int // crashes, lost requests and lost answers
	emitted int
	parked  int

	emissionsForgotten, parkingsForgotten int // not recorded because of a fault
}

const (
	maxFaults = 2
	maxTries  = 3
)

// A next is a world that can follow, and the action that leads to it.
type next struct {
	step string
	world
}

// An explorer visits every world that can be reached.
type explorer struct {
	model      ledgerModel
	deliveries [2]int // message ids: the same if SQS delivers one message twice
}

// steps returns everything that can happen in w: work of either worker, with or without a fault, or
// the end of a lease.
func (e explorer) steps(w world) []next {
	var all []next
	for i := range w.workers {
		for _, n := range e.work(w, i) {
			n.step = fmt.Sprintf("%d %s", i, n.step)
			all = append(all, n)
		}
		if w.workers[i].at.busy() && w.faults < maxFaults {
			all = append(all, next{fmt.Sprintf("%d crashes", i), crash(w, i)})
		}
	}
	// A lease ends after its holder's invocation, so the holder is no longer working.
	held := w.record.Phase == ledger.Claimed && w.workers[w.record.Holder].at.busy()
	if w.record.Until != 0 && !held {
		w.record.Until = 0
		all = append(all, next{"lease ends", w})
	}
	return all
}

func crash(w world, i int) world {
	if w.workers[i].at == settling {
		w = w.forget(w.workers[i].outcome)
	}
	return w.fault().back(i)
}

// back returns the message to the queue.
func (w world) back(i int) world {
	w.workers[i] = worker{at: waiting, tries: w.workers[i].tries + 1}
	return w
}

func (w world) to(i int, at point, outcome ledger.Phase) world {
	w.workers[i].at, w.workers[i].outcome = at, outcome
	return w
}

// forget counts an outcome that will not be recorded.
func (w world) forget(outcome ledger.Phase) world {
	switch outcome {
	case ledger.Emitted:
		w.emissionsForgotten++
	case ledger.Parked:
		w.parkingsForgotten++
	}
	return w
}

func (w world) fault() world {
	w.faults++
	return w
}

// work returns the possible results of the worker's next action.
func (e explorer) work(w world, i int) []next {
	var all []next
	add := func(step string, n world) {
		if n.faults <= maxFaults {
			all = append(all, next{step, n})
		}
	}
	switch w.workers[i].at {
	case waiting:
		if w.workers[i].tries < maxTries {
			e.claim(w, i, add)
		}
	case fetching:
		add("fetches", w.to(i, publishing, ""))
		add("fails temporarily", w.to(i, settling, ledger.Deferred))
		add("fails permanently", w.to(i, parking, ""))
	case publishing:
		add("cannot publish", w.to(i, settling, ledger.Deferred))
		w.emitted++
		add("publishes", w.to(i, settling, ledger.Emitted))
		add("publishes and loses the answer", w.forget(ledger.Emitted).fault().to(i, settling, ledger.Deferred))
	case parking:
		add("cannot park", w.to(i, settling, ledger.Deferred))
		w.parked++
		add("parks", w.to(i, settling, ledger.Parked))
		add("parks and loses the answer", w.forget(ledger.Parked).fault().to(i, settling, ledger.Deferred))
	case settling:
		e.settle(w, i, add)
	case ending:
		if w.workers[i].outcome == ledger.Deferred {
			add("defers", w.back(i))
			break
		}
		add("deletes", w.to(i, gone, ""))
		add("cannot delete", w.fault().back(i))
	}
	return all
}

func (e explorer) claim(w world, i int, add func(string, world)) {
	claimed := w
	var err error
	claimed.record, err = e.model.claim(w.record, i, e.deliveries[i])
	switch {
	case errors.Is(err, ledger.ErrHeld):
		add("finds it held", w.back(i))
	case errors.Is(err, ledger.ErrDone):
		add("finds it done", w.to(i, gone, ""))
	default:
		add("claims", claimed.to(i, fetching, ""))
		add("claims and loses the answer", claimed.fault().back(i))
	}
}

func (e explorer) settle(w world, i int, add func(string, world)) {
	outcome := w.workers[i].outcome
	settled := w
	settled.record, _ = e.model.settle(w.record, i, outcome, true)
	settled.record.Attempts = 0 // does not affect any decision
	add("settles", settled.to(i, ending, outcome))
	add("cannot settle", w.forget(outcome).fault().to(i, ending, outcome))
}

// wrong returns what is wrong with a world, or "".
func (e explorer) wrong(w world) string {
	over := w.workers[0].at == gone && w.workers[1].at == gone
	if w.emitted > 1+w.emissionsForgotten {
		return "emitted twice without a fault that explains it"
	}
	if e.deliveries[0] == e.deliveries[1] && w.emitted+w.parked > 1+w.emissionsForgotten+w.parkingsForgotten {
		return "parked twice without a fault that explains it"
	}
	if over && w.emitted+w.parked == 0 {
		return "lost"
	}
	later := w.record
	later.Until = 0
	if _, err := e.model.claim(later, 0, 99); err != nil && w.emitted == 0 {
		return "never claimable again"
	}
	return ""
}

// explore visits every world and returns their number and the path to the first that is wrong.
func (e explorer) explore() (worlds int, fault string) {
	type visit struct {
		world
		way *[]string
	}
	seen := map[world]bool{{}: true}
	for queue := []visit{{world{}, &[]string{}}}; len(queue) > 0; queue = queue[1:] {
		from := queue[0]
		if fault := e.wrong(from.world); fault != "" {
			return len(seen), fault + ": " + strings.Join(*from.way, ", ")
		}
		for _, n := range e.steps(from.world) {
			if seen[n.world] {
				continue
			}
			seen[n.world] = true
			way := append(append([]string{}, *from.way...), n.step)
			queue = append(queue, visit{n.world, &way})
		}
	}
	return len(seen), ""
}

var cases = map[string][2]int{"two messages": {1, 2}, "one message twice": {1, 1}}

// This is guarantee 4, and the ledger's part of guarantee 3: in every interleaving of two
// deliveries, with crashes and lost answers at every step, an event is emitted once unless a fault
// explains it, is never lost, and can be claimed again when the lease is over.
func TestEventIsEmittedOnce(t *testing.T) {
	t.Parallel()
	for name, deliveries := range cases {
		worlds, fault := explorer{right, deliveries}.explore()
		if fault != "" {
			t.Errorf("%s: %s", name, fault)
		}
		if worlds < 10_000 {
			t.Errorf("%s: explored %d worlds, want many", name, worlds)
		}
		t.Logf("%s: %d worlds", name, worlds)
	}
}

// Common but wrong designs of a ledger do not pass.
func TestExplorationFindsFaults(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		model ledgerModel
		want  string
	}{
		{"recorded on arrival and never retried", ledgerModel{claim: func(c model.Cell, worker, delivery int) (model.Cell, error) {
			c, err := claim(c, worker, delivery)
			c.Phase = ledger.Emitted
			return c, err
		}, settle: settle}, "never claimable again"},
		{"no claim", ledgerModel{claim: func(c model.Cell, worker, delivery int) (model.Cell, error) {
			if c.Phase == ledger.Claimed {
				c.Until = 0
			}
			return claim(c, worker, delivery)
		}, settle: settle}, "emitted twice"},
		{"a claim without a lease", ledgerModel{claim: func(c model.Cell, worker, delivery int) (model.Cell, error) {
			if c.Phase == ledger.Claimed {
				return c, ledger.ErrHeld
			}
			return claim(c, worker, delivery)
		}, settle: settle}, "never claimable again"},
		{"parked forever", ledgerModel{claim: func(c model.Cell, worker, delivery int) (model.Cell, error) {
			if c.Phase == ledger.Parked {
				return c, ledger.ErrDone
			}
			return claim(c, worker, delivery)
		}, settle: settle}, "never claimable again"},
		{"parked without the delivery", ledgerModel{claim: func(c model.Cell, worker, delivery int) (model.Cell, error) {
			if c.Phase == ledger.Parked {
				c.Delivery = 0
			}
			return claim(c, worker, delivery)
		}, settle: settle}, "parked twice"},
		{"settled as done whatever happened", ledgerModel{claim: claim, settle: func(c model.Cell, worker int, _ ledger.Phase, attempted bool) (model.Cell, error) {
			return settle(c, worker, ledger.Emitted, attempted)
		}}, "never claimable again"},
	}
	for _, tt := range tests {
		_, two := explorer{tt.model, cases["two messages"]}.explore()
		_, one := explorer{tt.model, cases["one message twice"]}.explore()
		if !strings.HasPrefix(two, tt.want) && !strings.HasPrefix(one, tt.want) {
			t.Errorf("%s: found %q and %q, want %q", tt.name, two, one, tt.want)
		}
	}
}

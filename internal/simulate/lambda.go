package simulate

import (
	"context"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/meterbridge/meterbridge/functions/reconciler"
)

// A kind is one of the three functions.
type kind uint8

const (
	webhookKind kind = iota
	fetcherKind
	reconcilerKind
	kinds
)

var kindNames = [kinds]string{"webhook", "fetcher", "reconciler"}

// timeouts are those of template.yaml; a test compares them.
var timeouts = [kinds]time.Duration{10 * time.Second, time.Minute, 5 * time.Minute}

// An instance is a process of a function. It handles one invocation at a time, and remembers between
// them what the function remembers, such as secrets and its pace. A crash or a time-out ends it.
type instance struct {
	kind    kind
	order   int // of all instances
	name    string
	start   func(context.Context) error // what main does; nil once it has succeeded
	handler handlers

	jobs    chan func() // what its goroutine runs, one after the other; closed when it dies
	dead    atomic.Bool
	current atomic.Pointer[invocation] // nil if it is idle or dead

	// random is every random number of the current invocation. Its goroutines run in any order, so
	// they must not draw different ones.
	random float64

	asked   []time.Duration // when it sent its last requests to Stripe
	signing read            // of a webhook
	waits   atomic.Uint32   // see inOrder
}

// A task is what an invocation is for.
type task struct {
	key   uint32 // an event's number, or another that no event has
	label string // for the history
	items []item // of a fetcher: its batch
	work  func(context.Context, *invocation) error
	ended func(v *invocation, alive bool) // the result of work counts only if the process is alive
}

// An invocation is a task that an instance works on.
type invocation struct {
	task
	n        int // of all invocations, from 1
	from     *instance
	cancel   context.CancelFunc
	began    time.Duration
	deadline time.Duration
	stored   bool                     // of a webhook: the bus has confirmed the event
	reached  map[string]time.Duration // of a reconciler: when it came to a stream
}

// A pool is the instances of one function.
type pool struct {
	idle []*instance
	busy int
	most int
}

// free reports whether another invocation can start.
func (p *pool) free() bool { return p.busy < p.most }

// take returns an idle instance, or nil.
func (p *pool) take() *instance {
	if len(p.idle) == 0 {
		return nil
	}
	last := len(p.idle) - 1
	from := p.idle[last]
	p.idle = p.idle[:last]
	return from
}

// invoke starts an invocation, on an idle instance or a new one.
func (w *world) invoke(k kind, t task) {
	p := &w.pools[k]
	p.busy++
	from := p.take()
	if from == nil {
		w.instances++
		from = &instance{kind: k, order: w.instances, name: kindNames[k] + "-" + strconv.Itoa(w.instances), jobs: make(chan func(), 1)}
		w.wire(from)
		go from.run()
	}
	w.invocations++
	deadline := w.schedule.now + timeouts[k]
	ctx, cancel := context.WithDeadline(context.Background(), w.schedule.start.Add(deadline))
	v := &invocation{task: t, n: w.invocations, from: from, cancel: cancel, began: w.schedule.now, deadline: deadline}
	if k == reconcilerKind {
		v.reached = map[string]time.Duration{}
	}
	w.underway[v] = true
	from.current.Store(v)
	from.random = unit(w.seed.at(placeRandom, uint64(k)<<32|uint64(t.key), uint64(w.counted(opReturn, t.key))))
	w.say(from.name, "is invoked:", t.label)
	w.schedule.at(deadline, func() { w.expire(v) })
	from.jobs <- func() { w.process(ctx, v) }
}

// run is the goroutine of an instance. It outlives invocations because a new one's stack would have to
// grow first, each time.
func (i *instance) run() {
	for job := range i.jobs {
		job()
	}
}

// die ends an instance. Whatever it still does has no effect.
func (i *instance) die() {
	i.dead.Store(true)
	close(i.jobs)
}

// process is what runs in an instance.
func (w *world) process(ctx context.Context, v *invocation) {
	from := v.from
	var err error
	if from.start != nil {
		if err = from.start(ctx); err == nil {
			from.start = nil
		}
	}
	started := err == nil
	if started {
		err = v.work(ctx, v)
	}
	_ = w.schedule.await(&call{op: opReturn, id: v.key, from: from, ctx: context.Background(), do: func() string {
		w.returned(v, started)
		if err != nil {
			return "error: " + err.Error()
		}
		return "ok"
	}})
}

// returned ends an invocation. An instance that could not start is not used again.
func (w *world) returned(v *invocation, started bool) {
	from, p := v.from, &w.pools[v.from.kind]
	v.cancel()
	from.current.Store(nil)
	delete(w.underway, v)
	p.busy--
	replaced := w.strikes(recycled, v.key, w.counted(opReturn, v.key))
	if replaced {
		w.say(from.name, "is replaced")
	}
	if replaced || !started {
		from.die()
	} else {
		p.idle = append(p.idle, from)
	}
	v.ended(v, started)
}

// expire ends an invocation whose time is over.
func (w *world) expire(v *invocation) {
	if v.from.current.Load() == v {
		w.wrong(broken, v.key, v.from.name+" was still working when its time was over")
		w.kill(v.from, "times out")
	}
}

// kill ends a process at any time.
func (w *world) kill(from *instance, why string) {
	w.say(from.name, why)
	from.die()
	p, v := &w.pools[from.kind], from.current.Swap(nil)
	if v == nil { // it was idle: a read of a secret had outlived its invocation
		p.idle = slices.DeleteFunc(p.idle, func(other *instance) bool { return other == from })
	} else {
		p.busy--
		delete(w.underway, v)
		v.ended(v, false)
		v.cancel()
	}
	w.schedule.abandon(func(c *call) bool { return c.from == from })
}

// working returns the instances that are not idle.
func (w *world) working() (all []*instance) {
	for v := range w.underway {
		all = append(all, v.from)
	}
	slices.SortFunc(all, func(a, b *instance) int { return a.order - b.order })
	return all
}

// runKey is added to the number of a scheduled run, so that it is not the number of an event.
const runKey = 1 << 31

// reconcile invokes the reconciler, unless too many runs are underway.
func (w *world) reconcile(n uint32) {
	if !w.pools[reconcilerKind].free() {
		return
	}
	w.invoke(reconcilerKind, task{
		key: runKey + n, label: "scheduled run",
		work: func(ctx context.Context, v *invocation) error {
			_, err := v.from.handler.reconciler.Handle(ctx, reconciler.Request{})
			return err
		},
		ended: func(*invocation, bool) {},
	})
}

package faults

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
)

// Options say what is to fail. The zero value lets nothing fail.
type Options struct {
	Names    []string          // of the faults
	Seed     uint64            // of every decision
	Share    float64           // how often each fault strikes, between 0 and 1; 0 leaves it to the fault
	Observer activity.Observer // is told of every fault that strikes; nil means nobody is

	Now func() time.Time // the clock of what the observer is told; nil means time.Now
}

// A Target is the stack that the faults strike at; [*aws.Stack] can Kill.
type Target struct {
	Kill   func(match func(payload []byte) bool) bool // ends an instance that works on such a payload
	Rotate func() error                               // rotates the secrets
}

// An Injector decides what fails. It keeps a few bytes for each operation on each event that it was asked about. It is safe for
// concurrent use; before Start and after Heal nothing fails.
type Injector struct {
	faults   map[string]Fault // those that were asked for
	seed     uint64
	observer activity.Observer
	now      func() time.Time
	target   atomic.Pointer[Target] // nil while nothing fails

	mu       sync.Mutex
	attempts map[uint64]uint16 // by hash of operation and event
	counts   map[string]uint64 // of decisions that concern no event, by fault
}

// New returns an Injector. A nil opts is the zero [Options]. Its error is [ErrUnknown].
func New(opts *Options) (*Injector, error) {
	if opts == nil {
		opts = &Options{}
	}
	i := &Injector{
		faults: map[string]Fault{}, seed: opts.Seed, observer: opts.Observer, now: opts.Now,
		attempts: map[uint64]uint16{}, counts: map[string]uint64{},
	}
	if i.observer == nil {
		i.observer = activity.ObserverFunc(func(activity.Step) {})
	}
	if i.now == nil {
		i.now = time.Now
	}
	all := All()
	for _, name := range opts.Names {
		at := slices.IndexFunc(all, func(f Fault) bool { return f.Name == name })
		if at < 0 {
			return nil, fmt.Errorf("%w %q", ErrUnknown, name)
		}
		f := all[at]
		if opts.Share > 0 {
			f.share = opts.Share
		}
		i.faults[name] = f
	}
	return i, nil
}

// Start lets the faults strike at a target.
func (i *Injector) Start(target Target) { i.target.Store(&target) }

// Heal lets nothing fail any more.
func (i *Injector) Heal() { i.target.Store(nil) }

// choose returns which of the named faults strikes an operation on an event this time, or "". Storms are looked at first.
func (i *Injector) choose(operation, event string, names ...string) string {
	if i.target.Load() == nil {
		return ""
	}
	for _, name := range names {
		if i.faults[name].storm && i.inStorm(name) {
			return name
		}
	}
	attempt := i.attempt(operation, event)
	for _, name := range names {
		f, asked := i.faults[name]
		if asked && !f.storm && i.roll(name, operation, event, attempt) < f.share {
			return name
		}
	}
	return ""
}

// stormLength is how many requests in a row share the fate of the first.
const stormLength = 20

func (i *Injector) inStorm(name string) bool {
	return i.roll(name, (i.count(name)-1)/stormLength) < i.faults[name].share
}

// next decides about the next of many things of which one is like the other.
func (i *Injector) next(name string) bool {
	f, asked := i.faults[name]
	return asked && i.target.Load() != nil && i.roll(name, i.count(name)) < f.share
}

// roll returns a number in [0, 1) that depends on the seed and the parts alone.
func (i *Injector) roll(parts ...any) float64 {
	return rand.New(rand.NewPCG(i.seed, sum(parts...))).Float64()
}

func sum(parts ...any) uint64 {
	h := fnv.New64a()
	fmt.Fprintln(h, parts...)
	return h.Sum64()
}

// attempt counts from 1 how often an operation was tried on an event.
func (i *Injector) attempt(operation, event string) uint16 {
	key := sum(operation, event)
	i.mu.Lock()
	defer i.mu.Unlock()
	i.attempts[key]++
	return i.attempts[key]
}

// count counts the decisions about a fault from 1.
func (i *Injector) count(name string) uint64 {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.counts[name]++
	return i.counts[name]
}

// tell tells the observer that a fault strikes.
func (i *Injector) tell(name, where, source string, events ...string) {
	i.observer.Observe(activity.Step{Kind: activity.Faulted, Time: i.now(), Name: name, Text: where, Source: source, Batch: events})
}

package faults

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
)

// Options configures an [Injector]. The zero value injects nothing.
type Options struct {
	Names    []string          // the faults to inject
	Seed     uint64            // determines every decision
	Share    float64           // how often each fault strikes, between 0 and 1; 0 means the fault's own share
	Observer activity.Observer // receives a step for each fault that strikes; nil means no observer
	Now      func() time.Time  // the clock for those steps; nil means time.Now
}

// A Target is the stack on which the faults of functions, secrets and rules act.
type Target struct {
	// Kill ends one function instance that is processing a payload for which match returns true,
	// and reports whether there was one. [*aws.Stack] implements it.
	Kill func(match func(payload []byte) bool) bool
	// Rotate rotates the secrets.
	Rotate func() error
	// Rule disables and enables the rule that feeds the fetcher. It may take a while before it
	// enables the rule. Nil: the rule stays enabled.
	Rule func(enabled bool)
}

// An Injector decides which operations fail. Nothing fails before [Injector.Start] or after
// [Injector.Stop]. It keeps a few bytes for each operation on each event. It is safe for concurrent
// use.
type Injector struct {
	faults   map[string]Fault // the enabled ones
	seed     uint64
	recorder *activity.Recorder
	target   atomic.Pointer[Target] // nil while nothing fails

	enabling sync.WaitGroup // while the rule is being enabled

	mu       sync.Mutex
	attempts map[uint64]uint16 // by hash of operation and event
	counts   map[string]uint64 // decisions that do not depend on an event, by fault
	disabled bool              // the rule is disabled
}

// New returns an Injector. A nil opts means the zero [Options]. Its error is [ErrUnknown].
func New(opts *Options) (*Injector, error) {
	if opts == nil {
		opts = &Options{}
	}
	now := opts.Now
	if now == nil {
		now = time.Now
	}
	i := &Injector{
		faults: map[string]Fault{}, seed: opts.Seed, recorder: activity.NewRecorder(opts.Observer, now),
		attempts: map[uint64]uint16{}, counts: map[string]uint64{},
	}
	for _, f := range All() {
		if slices.Contains(opts.Names, f.Name) {
			f.share = cmp.Or(opts.Share, f.share)
			i.faults[f.Name] = f
		}
	}
	for _, name := range opts.Names {
		if i.faults[name].Name == "" {
			return nil, fmt.Errorf("%w %q", ErrUnknown, name)
		}
	}
	return i, nil
}

// Start begins injecting faults.
func (i *Injector) Start(target Target) { i.target.Store(&target) }

// Stop ends the injection of faults. It returns once the rule is enabled.
func (i *Injector) Stop() {
	if target := i.target.Swap(nil); target != nil {
		i.enable(target)
	}
	i.enabling.Wait()
}

// choose returns which fault, if any, strikes this attempt of an operation on an event.
func (i *Injector) choose(operation, event string, names ...string) string {
	if i.target.Load() == nil {
		return ""
	}
	for _, name := range names {
		f := i.faults[name]
		if f.burst && i.roll(name, (i.count(name)-1)/burstLength) < f.share {
			return name
		}
	}
	attempt := i.attempt(operation, event)
	if attempt > mostAttempts {
		return ""
	}
	for _, name := range names {
		f, enabled := i.faults[name]
		if enabled && !f.burst && i.roll(name, operation, event, attempt) < f.share {
			return name
		}
	}
	return ""
}

// mostAttempts is the number of attempts of an operation on an event that can fail, apart from
// bursts, so that every operation succeeds in the end. Without it the reconciler might never
// finish reading Stripe's list, whose requests are all attempts of one operation.
const mostAttempts = 50

// burstLength is the number of consecutive requests that are either all struck or all spared.
const burstLength = 20

// strikesNext decides, by its number, about an operation that does not belong to an event.
func (i *Injector) strikesNext(name string) bool {
	f, enabled := i.faults[name]
	return enabled && i.target.Load() != nil && i.roll(name, i.count(name)) < f.share
}

// roll returns a number in [0, 1) that depends only on the seed and the parts.
func (i *Injector) roll(parts ...any) float64 {
	return rand.New(rand.NewPCG(i.seed, hash(parts...))).Float64()
}

func hash(parts ...any) uint64 {
	h := fnv.New64a()
	fmt.Fprintln(h, parts...)
	return h.Sum64()
}

func (i *Injector) attempt(operation, event string) uint16 {
	key := hash(operation, event)
	i.mu.Lock()
	defer i.mu.Unlock()
	i.attempts[key]++
	return i.attempts[key]
}

func (i *Injector) count(name string) uint64 {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.counts[name]++
	return i.counts[name]
}

func (i *Injector) report(name, where, source string, events ...string) {
	i.recorder.Record(activity.Step{Kind: activity.Faulted, Name: name, Text: where, Source: source, Batch: events})
}

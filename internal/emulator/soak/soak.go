// Package soak tests the whole stack under faults: it runs the stack locally, injects faults for a
// while, and checks the outcome of every event.
//
// [Run] sends authentic events as Stripe does: signed, some of them twice, and again after any
// answer other than a 2xx. Forged deliveries are mixed in. Then it stops the faults, runs the
// schedules, waits until the stack is idle, and returns a [Report] that compares the outcome of
// every event with Meterbridge's guarantees. Hours of backoff take seconds because the stack's clock
// skips the time in which nothing works. The functions are the same binaries that are deployed, and
// have the same deadlines, in real time. A claim of a function that was killed ends with its lease,
// in real time too.
package soak

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/meterbridge/meterbridge/internal/config"
	"github.com/meterbridge/meterbridge/internal/emulator/aws"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
	"github.com/meterbridge/meterbridge/internal/emulator/faults"
	"github.com/meterbridge/meterbridge/internal/emulator/outcome"
	"github.com/meterbridge/meterbridge/internal/emulator/stripe"
	"github.com/meterbridge/meterbridge/pkg/stripesig"
)

// Options configures [Run]. Template and Events are required.
type Options struct {
	Template   string            // path of the SAM template
	Parameters map[string]string // values for its parameters
	BuildDir   string            // as in [aws.Options]
	Prebuilt   bool              // as in [aws.Options]
	Lenient    bool              // as in [aws.Options]
	Events     int               // the number of distinct authentic events
	Seed       uint64            // determines how each event is sent and where faults strike
	Faults     []string          // names of the faults
	Share      float64           // as in [faults.Options]
	Observer   activity.Observer // receives every step; nil means no observer
	Opened     func(*aws.Stack)  // called once the stack runs, before anything is sent; nil means no call
	Progress   func(Progress)    // called a few times a second, by one goroutine; nil means no call
}

// Progress is the state of a soak. An undelivered event has an outcome when it is reconciled.
type Progress struct {
	Phase        string // description of the current phase
	Ended, Total int    // distinct authentic events: those with an outcome, and all
}

type run struct {
	options Options
	audit   *audit
	account *stripeAccount
	stack   *aws.Stack
	faults  *faults.Injector
	sender  *sender
	phase   atomic.Value // string
	memory  memory
	backlog int

	killing   sync.Mutex
	firstKill time.Time // when the first fetcher was killed
}

// Run runs one soak to its end. [Report.Err] reports whether the guarantees held.
func Run(ctx context.Context, opts *Options) (*Report, error) {
	if opts == nil {
		opts = &Options{}
	}
	r := &run{options: *opts}
	if r.options.Progress == nil {
		r.options.Progress = func(Progress) {}
	}
	if err := r.open(ctx); err != nil {
		return nil, err
	}
	defer r.close()
	started := time.Now()
	if err := r.soak(ctx); err != nil {
		return nil, err
	}
	report := r.audit.report(r.sender.plan, r.sender.results())
	report.Seconds, report.Backlog = time.Since(started).Seconds(), r.backlog
	r.memory.measure(r.stack)
	report.StackMemory, report.FunctionMemory = r.memory.stack, r.memory.functions
	return report, nil
}

func (r *run) open(ctx context.Context) (err error) {
	r.audit = newAudit()
	observer := activity.Observers{r.audit}
	if r.options.Observer != nil {
		observer = append(observer, r.options.Observer)
	}
	r.faults, err = faults.New(&faults.Options{
		Names: r.options.Faults, Seed: r.options.Seed, Share: r.options.Share, Observer: observer,
	})
	if err != nil {
		return err
	}
	server, err := stripe.Start(&stripe.Options{Faults: r.faults.Stripe})
	if err != nil {
		return err
	}
	r.account = &stripeAccount{Server: server, signing: []stripesig.Secret{newSecret()}}
	r.stack, err = aws.Open(ctx, r.stackOptions(observer))
	if err != nil {
		r.close()
		return err
	}
	r.audit.outcomes.SetFetchQueue(r.stack.QueueNamedBy(config.FetchQueueURL))
	url := r.stack.RouteOf(config.SigningSecretID)
	if url == "" {
		r.close()
		return errors.New("soak: the template has no POST route to send events to")
	}
	r.sender = &sender{
		url: url, account: r.account, clock: r.stack.Clock(), inFlight: make(chan struct{}, maxInFlight),
		plan:   plan{seed: r.options.Seed, events: r.options.Events, undelivered: r.stack.Scheduled()},
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: maxInFlight}, Timeout: answerTimeout},
	}
	if r.options.Opened != nil {
		r.options.Opened(r.stack)
	}
	if slices.Contains(r.options.Faults, faults.RuleDisabled) {
		r.sender.held = make(chan struct{})
	}
	return nil
}

func (r *run) stackOptions(observer activity.Observer) *aws.Options {
	return &aws.Options{
		Template: r.options.Template, Parameters: r.options.Parameters, Listen: "127.0.0.1:0",
		BuildDir: r.options.BuildDir, Prebuilt: r.options.Prebuilt, Lenient: r.options.Lenient,
		Environment: map[string]string{config.StripeAPIBase: r.account.Origin},
		Secrets:     map[string]string{config.SigningSecretID: string(r.account.signing[0]), config.APIKeySecretID: r.account.Keys.JSON()},
		Observer:    observer, Skip: true, Lease: outcome.Lease, Unscheduled: true,
		Intercept: r.faults.AWS, Front: r.faults.Front, Queue: r.faults.Queue,
	}
}

func (r *run) close() {
	if r.stack != nil {
		r.stack.Close()
	}
	if r.account != nil {
		r.account.Close()
	}
}

// soak sends the plan, injects faults until most events have an outcome, and then lets the others
// reach theirs.
func (r *run) soak(ctx context.Context) error {
	r.phase.Store("injecting faults")
	ended := make(chan struct{})
	var progress sync.WaitGroup
	progress.Go(func() { r.reportProgress(ended) })
	defer progress.Wait()
	defer close(ended)
	r.faults.Start(faults.Target{
		Kill: r.kill, Rotate: func() error { return r.account.rotate(r.stack) }, Rule: func(enabled bool) { r.switchRule(ctx, enabled) },
	})
	sent := r.sender.send(ctx)
	r.awaitMost(ctx)
	r.faults.Stop()
	r.sender.releaseForgotten()
	r.phase.Store("faults stopped, delivering the rest")
	if err := <-sent; err != nil {
		return err
	}
	r.phase.Store("faults stopped, waiting until the stack is idle")
	if err := r.waitIdle(ctx); err != nil {
		return err
	}
	return r.reconcile(ctx)
}

// killWindow is how long fetchers are killed, from the first one on. The events that a killed
// fetcher has claimed wait in real time for the end of its lease, all at once; if another were
// killed in the end of that time, the soak would wait as long again.
const killWindow = 10 * time.Second

// kill kills a function that works on a payload, unless it is a fetcher after the window.
func (r *run) kill(match func(payload []byte) bool) bool {
	r.killing.Lock()
	defer r.killing.Unlock()
	over := !r.firstKill.IsZero() && r.stack.Clock().Now().Sub(r.firstKill) > killWindow
	fetches := false
	killed := r.stack.Kill(func(payload []byte) bool {
		fetches = bytes.Contains(payload, []byte(`"eventSource":"aws:sqs"`))
		return !(fetches && over) && match(payload)
	})
	if killed && fetches && r.firstKill.IsZero() {
		r.firstKill = r.stack.Clock().Now()
	}
	return killed
}

// awaitMost waits until most of the events have an outcome, or none gets one any more: there are
// faults that let no event through.
func (r *run) awaitMost(ctx context.Context) {
	most := r.audit.whenEnded(r.sender.plan.deliverable() * 9 / 10)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-most:
			cancel()
		case <-ctx.Done():
		}
	}()
	_ = r.stack.WaitIdle(ctx) // after an error the soak ends in the next step that can fail
}

// waitIdle waits until every message is handled.
func (r *run) waitIdle(ctx context.Context) error {
	if err := r.stack.WaitIdle(ctx); err != nil {
		return fmt.Errorf("soak: %s: %w", r.phase.Load(), err)
	}
	return nil
}

// reconcile runs the schedules until every event has an outcome, or several runs have had no
// effect.
func (r *run) reconcile(ctx context.Context) error {
	const idleRounds = 6 // after a while the reconciler puts unfetched events on the bus only in every fourth run
	r.phase.Store("reconciling")
	for idle := 0; idle < idleRounds && r.audit.ended() < r.options.Events && r.stack.Scheduled(); {
		before := r.audit.putCount()
		r.stack.RunSchedules()
		if err := r.waitIdle(ctx); err != nil {
			return err
		}
		idle++
		if r.audit.putCount() > before {
			idle = 0
		}
	}
	return nil
}

// switchRule disables or enables the rules that feed the fetcher. Before it enables them it runs
// the schedules a few times, so that the reconciler puts events on the bus that are not fetched,
// and its checkpoint passes them.
func (r *run) switchRule(ctx context.Context, enabled bool) {
	queue := r.stack.QueueNamedBy(config.FetchQueueURL)
	if !enabled {
		r.stack.Switch(queue, false)
		return
	}
	const runs = 4
	for range runs {
		before := r.audit.scheduledCount()
		for all := before + len(r.stack.RunSchedules()); r.audit.scheduledCount() < all && ctx.Err() == nil; {
			time.Sleep(interval)
		}
	}
	r.stack.Switch(queue, true)
	r.sender.releaseForgotten()
}

// interval is the time between two checks of a condition, and between two reports of the progress.
const interval = 100 * time.Millisecond

func (r *run) reportProgress(until <-chan struct{}) {
	queue := r.stack.QueueNamedBy(config.FetchQueueURL)
	for n := 0; ; n++ {
		if n%10 == 0 {
			r.memory.measure(r.stack)
		}
		r.backlog = max(r.backlog, r.stack.Messages()[queue])
		r.options.Progress(Progress{Phase: r.phase.Load().(string), Ended: r.audit.ended(), Total: r.options.Events})
		select {
		case <-until:
			return
		case <-time.After(interval):
		}
	}
}

package soak

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/meterbridge/meterbridge/internal/config"
	"github.com/meterbridge/meterbridge/internal/emulator/aws"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/clock"
	"github.com/meterbridge/meterbridge/internal/emulator/faults"
)

// DefaultClockFactor makes a visibility timeout of six minutes last 3.6 seconds: longer than the three that a function is left
// with at least.
const DefaultClockFactor = 100

// Options say what to run. Template and Events are required.
type Options struct {
	Template    string            // path of the SAM template
	Parameters  map[string]string // values for its parameters
	BuildDir    string            // as in local.Options
	Prebuilt    bool              // as in local.Options
	Events      int               // how many distinct authentic events there are
	Seed        uint64            // of the events' fates and of the faults
	Faults      []string          // names of the faults
	Share       float64           // as in faults.Options
	ClockFactor float64           // as in local.Options; zero means DefaultClockFactor
	Observer    activity.Observer // is told every step; nil means nobody is
	Progress    func(Progress)    // is told of the progress a few times a second, by one goroutine; nil means nobody is
}

// Progress is how far a soak has come. Events that Stripe never delivers count as ended once the reconciler has found them.
type Progress struct {
	Phase        string // what is going on, for people
	Ended, Total int    // distinct authentic events
}

// run is one soak.
type run struct {
	options  Options
	clock    *clock.Clock
	watch    *watch
	account  *stripeAccount
	stack    *aws.Stack
	injector *faults.Injector
	sender   *sender
	phase    string
	healed   time.Time
}

// Run opens a stack, soaks it, closes it and returns the account. An error means that the soak could not run to its end; that
// promises were broken is for [Report.Err] to say.
func Run(ctx context.Context, options Options) (*Report, error) {
	r := &run{options: options, watch: newWatch()}
	r.options.ClockFactor = cmp.Or(options.ClockFactor, DefaultClockFactor)
	if r.options.Progress == nil {
		r.options.Progress = func(Progress) {}
	}
	r.clock = clock.New(r.options.ClockFactor)
	if err := r.open(ctx); err != nil {
		return nil, err
	}
	defer r.close()
	started := time.Now()
	if err := r.soak(ctx); err != nil {
		return nil, err
	}
	report := r.watch.report(r.sender.plan, r.sender.results())
	report.Seconds = time.Since(started).Seconds()
	return report, nil
}

func (r *run) open(ctx context.Context) (err error) {
	observer := activity.Observers{r.watch}
	if r.options.Observer != nil {
		observer = append(observer, r.options.Observer)
	}
	r.injector, err = faults.New(&faults.Options{
		Names: r.options.Faults, Seed: r.options.Seed, Share: r.options.Share, Observer: observer,
	})
	if err != nil {
		return err
	}
	if r.account, err = openStripe(r.injector.Stripe); err != nil {
		return err
	}
	r.stack, err = aws.Open(ctx, r.stackOptions(observer))
	if err != nil {
		r.close()
		return err
	}
	url := r.stack.RouteOf(config.SigningSecretID)
	if url == "" {
		r.close()
		return errors.New("soak: the template has no POST route to send events to")
	}
	r.sender = newSender(url, r.account, r.clock, plan{
		seed: r.options.Seed, events: r.options.Events, undelivered: r.stack.Scheduled(),
	})
	return nil
}

func (r *run) stackOptions(observer activity.Observer) aws.Options {
	return aws.Options{
		Template: r.options.Template, Parameters: r.options.Parameters, Listen: "127.0.0.1:0",
		BuildDir: r.options.BuildDir, Prebuilt: r.options.Prebuilt,
		Environment: r.account.environment(), Secrets: r.account.secrets(),
		Observer: observer, ClockFactor: r.options.ClockFactor, Unscheduled: true,
		Intercept: r.injector.AWS, Front: r.injector.Front, Queue: r.injector.Queue,
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

// soak sends everything, lets the faults rage until most events have come to an end in spite of them, and then sees to it that
// the others do.
func (r *run) soak(ctx context.Context) error {
	r.phase = "faults rage"
	r.tell()
	r.injector.Start(faults.Target{Kill: r.stack.Kill, Rotate: func() error { return r.account.rotate(r.stack) }})
	var sendErr error // to be read when sent is closed
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		sendErr = r.sender.send(ctx)
	}()
	if err := r.until(ctx, r.rageLimit(), r.mostEnded); err != nil && !errors.Is(err, errLimit) {
		return err
	}
	r.injector.Heal()
	r.healed = time.Now()
	r.phase = "healed, deliveries go on"
	if err := r.until(ctx, 0, func() bool { return isClosed(sent) }); err != nil {
		return err
	}
	if sendErr != nil {
		return sendErr
	}
	r.phase = "healed, waiting until all is quiet"
	if err := r.quiet(ctx); err != nil {
		return err
	}
	return r.reconcile(ctx)
}

// leases is how long the claims of functions that were killed may last, in real time: the ledger has no part in the compressed
// one.
const leases = 14 * time.Second

// quiet waits until all is quiet. When every claim has ended, what still waits is left alone by everyone, so the clock skips to
// its turn.
func (r *run) quiet(ctx context.Context) error {
	waiting, cancel := context.WithTimeout(ctx, max(0, leases-time.Since(r.healed)))
	defer cancel()
	if r.telling(func() error { return r.stack.Quiet(waiting) }) == nil {
		return nil
	}
	return r.telling(func() error { return r.stack.Hasten(ctx) })
}

// rageLimit is when the stack is healed although most events have not ended: some faults let nothing through.
func (r *run) rageLimit() time.Duration {
	return 5*time.Second + time.Duration(r.options.Events)*20*time.Millisecond
}

func (r *run) mostEnded() bool { return r.watch.ended() >= r.sender.plan.deliverable()*9/10 }

// reconcile runs the schedules until every event has ended, or until some rounds have brought none nearer to it.
func (r *run) reconcile(ctx context.Context) error {
	const idleRounds = 3
	r.phase = "reconciling"
	for idle := 0; idle < idleRounds && r.watch.ended() < r.options.Events && r.stack.Scheduled(); {
		before := r.watch.put()
		r.stack.RunSchedules()
		if err := r.quiet(ctx); err != nil {
			return err
		}
		idle++
		if r.watch.put() > before {
			idle = 0
		}
	}
	return nil
}

// telling tells of the progress while something is waited for.
func (r *run) telling(wait func() error) error {
	done := make(chan error, 1)
	go func() { done <- wait() }()
	for {
		select {
		case err := <-done:
			return err
		case <-time.After(tick):
			r.tell()
		}
	}
}

// tick is how often the soak looks how it goes.
const tick = 100 * time.Millisecond

var errLimit = errors.New("soak: the time is up")

// until waits until a condition holds, or with errLimit until a limit of real time that is above zero.
func (r *run) until(ctx context.Context, limit time.Duration, holds func() bool) error {
	started := time.Now()
	for !holds() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("soak: %s: %w", r.phase, ctx.Err())
		case <-time.After(tick):
		}
		r.tell()
		if limit > 0 && time.Since(started) > limit {
			return errLimit
		}
	}
	return nil
}

func (r *run) tell() {
	r.options.Progress(Progress{Phase: r.phase, Ended: r.watch.ended(), Total: r.options.Events})
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// Package aws runs SAM templates on one machine, for development and tests.
//
// [Open] reads the templates and adds each resource to the emulated service for its type: queues to
// package sqs, functions to package lambda, and so on. The result is a [Stack], which serves the
// HTTP API routes on a local address. The functions reach the services through the SDK's own
// AWS_ENDPOINT_URL, so their code does not differ from that on AWS.
//
// Each template is a stack of its own, and the stacks share what they name: a consumer's rule is on
// the bus of another stack if it has that bus's name.
//
// The templates are the only description of the system. Anything in them that is not supported is
// reported: an unsupported event pattern or input transformer is an error, and a warning lists the
// resources whose types are not run.
package aws

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/awsjson"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/clock"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/dynamodb"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/eventbridge"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/logs"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sqs"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/target"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/watch"
)

// ErrBusy is returned by [Open] if another process listens on the requested address.
var ErrBusy = errors.New("the address is in use")

// Options configure a [Stack]. The zero value, like a nil pointer, is the default.
type Options struct {
	Template    string            // path of the SAM template, "template.yaml" if empty; paths in it are relative to its folder
	StackName   string            // name of its stack, "meterbridge" if empty
	More        []string          // paths of further templates; the stack of each is named after its file or folder
	Parameters  map[string]string // values for the parameters, in each template that declares them
	Lenient     bool              // warn of what AWS's schemas do not have, see [sam.Options], instead of refusing it
	Listen      string            // address of the HTTP API routes, "127.0.0.1:8787" if empty
	BuildDir    string            // where functions are built; .meterbridge/build beside the first template if empty
	Prebuilt    bool              // do not build functions that are already in BuildDir
	Environment map[string]string // values that replace a template's in every function that declares the variable
	Secrets     map[string]string // value of each secret, by the function variable that contains its name
	Observer    activity.Observer // receives every step; nil means none is reported
	// Skip makes the stack's clock skip to the next moment that is due whenever nothing works, as
	// [Stack.FastForward] does while it waits.
	Skip bool
	// Lease returns until when, by its own clock, the function that wrote an item of a table works
	// on what the item stands for; zero if it does not. Until then nothing is skipped, unless the
	// item is written again. Nil means that no item is a lease.
	Lease func(dynamodb.Item) time.Time
	// ClockFactor is how many times faster than real time the stack's clock runs: it applies to
	// visibility timeouts, delays and schedules. Zero means 1. Functions take real time, so with a
	// factor that makes a visibility timeout shorter than that, batches are received twice.
	ClockFactor float64
	// Watch makes what is saved take effect while the stack runs: templates, and the files of
	// functions. A step of the kind Reloaded or NotReloaded tells what has become of it.
	Watch bool
	// Unscheduled prevents schedules from running by themselves; see [Stack.RunSchedules].
	Unscheduled bool
	// Hooks for fault injection; nil means none. Intercept wraps the handler of each AWS call of
	// the functions, Front the handler of each request to an HTTP API, and Queue can change the
	// configuration of a queue.
	Intercept func(call awsjson.Call, next http.Handler) http.Handler
	Front     func(next http.Handler) http.Handler
	Queue     func(*sqs.Config)
}

// Stack is a running template, with those that run beside it. It is safe for concurrent use.
type Stack struct {
	options  Options
	clock    *clock.Clock
	recorder *activity.Recorder
	logs     *logs.Service
	listeners

	current  atomic.Pointer[generation]
	api      switched // the AWS calls of the functions
	routing  switched
	watching func() // stops the watch of Options.Watch and waits for it
}

// Open reads the template, builds and starts its functions, and serves until Close. Every function
// has started when it returns, so a fault in a function's configuration is returned as an error.
func Open(ctx context.Context, opts *Options) (*Stack, error) {
	s := &Stack{watching: func() {}}
	if opts != nil {
		s.options = *opts
	}
	s.options.Template = cmp.Or(s.options.Template, "template.yaml")
	s.options.Listen = cmp.Or(s.options.Listen, "127.0.0.1:8787")
	s.options.BuildDir = cmp.Or(s.options.BuildDir, filepath.Join(filepath.Dir(s.options.Template), ".meterbridge", "build"))
	if err := s.listen(s.options.Listen); err != nil {
		return nil, err
	}
	s.accessKey = "local" + rand.Text()
	if err := s.start(ctx, s.addServices()); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// addServices makes the first generation, without resources.
func (s *Stack) addServices() *generation {
	s.clock = clock.New(s.options.ClockFactor)
	s.logs = logs.New()
	observers := activity.Observers{s.logs}
	if s.options.Observer != nil {
		observers = append(observers, s.options.Observer)
	}
	s.recorder = activity.NewRecorder(observers, s.clock.Now)
	g := s.newGeneration(target.NewDirectory(s.clock, observers))
	s.current.Store(g)
	return g
}

func (s *Stack) start(ctx context.Context, g *generation) error {
	read := watch.New(s.watched()) // templates and, below, sources are watched before they are read
	if err := s.addResources(g); err != nil {
		return err
	}
	read.Add(s.watched())
	if err := s.fillSecrets(g); err != nil {
		return err
	}
	s.serve(s.aws, s.authorized(&s.api))
	s.api.set(s.operations(g))
	if err := g.functions.Start(ctx); err != nil {
		return err
	}
	s.routing.set(g.routes)
	var front http.Handler = &s.routing
	if s.options.Front != nil {
		front = s.options.Front(front)
	}
	s.serve(s.front, front)
	if !s.options.Unscheduled {
		g.schedules.Start()
	}
	if s.options.Skip {
		s.clock.Skip()
	}
	if s.options.Watch {
		s.watch(read)
	}
	return nil
}

// passive lists types, or prefixes of types, that a local stack does not need.
var passive = []string{
	"AWS::Serverless::HttpApi", "AWS::SQS::QueuePolicy", "AWS::Events::EventBusPolicy", "AWS::Events::Archive", "AWS::SNS::Topic",
	"AWS::SNS::Subscription", "AWS::SecretsManager::ResourcePolicy", "AWS::Lambda::Permission", "AWS::Serverless::Application",
	"AWS::IAM::", "AWS::Logs::", "AWS::CloudWatch::", "AWS::EventSchemas::", "AWS::KMS::", "AWS::SSM::",
}

// addResources adds each resource to the service for its type, and warns of the others. It reports
// the faults of all resources, except those that can follow from another.
func (s *Stack) addResources(g *generation) error {
	resources, err := s.resources(g)
	if err != nil {
		return err
	}
	if err := checkNames(resources); err != nil {
		return err
	}
	g.buses.AddBus(eventbridge.BusConfig{Name: "default"}) // every account has it
	var faults []fault
	run := slices.Clone(passive)
	for _, kind := range []struct { // in an order in which a resource follows those that it delivers to
		resourceType string
		add          func(sam.Resource) error
	}{
		{"AWS::SecretsManager::Secret", g.secrets.Add},
		{"AWS::DynamoDB::Table", g.tables.Add},
		{"AWS::SQS::Queue", g.queues.Add},
		{"AWS::SQS::Queue", g.queues.Connect},
		{"AWS::Serverless::Function", s.logs.Add},
		{"AWS::Serverless::Function", g.functions.Add},
		{"AWS::Lambda::EventSourceMapping", g.functions.Add},
		{"AWS::Events::EventBus", g.buses.Add},
		{"AWS::Events::Rule", g.buses.Add},
		{"AWS::Scheduler::Schedule", g.schedules.Add},
		{sam.Route, g.routes.Add},
	} {
		run = append(run, kind.resourceType)
		for _, r := range resources {
			if r.Type != kind.resourceType {
				continue
			}
			if err := kind.add(r); err != nil && (len(faults) == 0 || !errors.Is(err, target.ErrMissing)) {
				faults = append(faults, fault{r, fmt.Errorf("%s:%d: %s (%s): %w", r.File, r.Line, r.LogicalID, r.Type, err)})
			}
		}
	}
	if len(faults) > 0 {
		slices.SortStableFunc(faults, func(a, b fault) int {
			return cmp.Or(cmp.Compare(a.resource.File, b.resource.File), cmp.Compare(a.resource.Line, b.resource.Line))
		})
		joined := make([]error, len(faults))
		for i, f := range faults {
			joined[i] = f.err
		}
		return errors.Join(joined...)
	}
	var left []string
	for _, r := range resources {
		if !slices.ContainsFunc(run, func(prefix string) bool { return strings.HasPrefix(r.Type, prefix) }) {
			left = append(left, r.ID()+" ("+r.Type+")")
		}
	}
	if len(left) > 0 {
		s.recorder.Warn("not run locally: %s", strings.Join(left, ", "))
	}
	return nil
}

// fault is a resource that cannot be run.
type fault struct {
	resource sam.Resource
	err      error
}

// Close stops serving, ends the functions' processes, and waits for them.
func (s *Stack) Close() {
	s.watching()
	s.current.Load().schedules.Close()
	s.listeners.close()
	s.current.Load().functions.Close()
}

// Kill sends SIGKILL to one function instance that is processing a payload for which match returns
// true, and reports whether there was one.
func (s *Stack) Kill(match func(payload []byte) bool) bool {
	return s.current.Load().functions.Kill(match)
}

// PIDs returns the ids of the functions' processes, by the functions' ids.
func (s *Stack) PIDs() map[string][]int { return s.current.Load().functions.PIDs() }

// Rotate stores a new value in each secret whose name the functions have in this variable. The old
// value becomes the previous one.
func (s *Stack) Rotate(variable, value string) error {
	for _, id := range s.current.Load().functions.Values(variable) {
		if err := s.current.Load().secrets.Put(id, value); err != nil {
			return fmt.Errorf("rotate the secret of %s: %w", variable, err)
		}
	}
	return nil
}

// Switch enables or disables every rule that delivers to the resource with that id, and
// returns how many there are.
func (s *Stack) Switch(target string, enabled bool) int {
	return s.current.Load().buses.Switch(target, enabled)
}

// Outputs returns the outputs of the first template, by name. The origin of an API in them is [Stack.URL].
func (s *Stack) Outputs() map[string]string { return maps.Clone(s.current.Load().outputs) }

// Parameters returns the values of the first template's parameters, as text.
func (s *Stack) Parameters() map[string]string { return maps.Clone(s.current.Load().parameters) }

// ResourceNames returns the physical names of the resources, by logical id, with the stack's name and
// a slash before it if they are of a further template.
func (s *Stack) ResourceNames() map[string]string { return maps.Clone(s.current.Load().names) }

// Routes returns the logical id of each route's function, by route, such as "POST /webhook".
func (s *Stack) Routes() map[string]string {
	routes := map[string]string{}
	for _, r := range s.current.Load().routes.Routes() {
		routes[r.Method+" "+r.Path] = r.Function
	}
	return routes
}

// RouteOf returns the URL of the first POST route whose function has the variable, or "".
func (s *Stack) RouteOf(variable string) string {
	for _, r := range s.current.Load().routes.Routes() {
		if _, has := s.current.Load().functions.Variable(r.Function, variable); has && r.Method == http.MethodPost {
			return s.URL() + r.Path
		}
	}
	return ""
}

// QueueNamedBy returns the logical id of the queue whose URL a function has in this variable, or
// "".
func (s *Stack) QueueNamedBy(variable string) string {
	for _, url := range s.current.Load().functions.Values(variable) {
		if q := s.current.Load().queues.QueueAt(url); q != nil {
			return q.ID()
		}
	}
	return ""
}

// Scheduled reports whether there are schedules.
func (s *Stack) Scheduled() bool { return s.current.Load().schedules.Len() > 0 }

// RunSchedules runs every schedule now and returns their logical ids. See [Stack.WaitIdle].
func (s *Stack) RunSchedules() []string { return s.current.Load().schedules.RunAll() }

// Clock returns the clock of all services. Whoever sends requests to the stack and waits in between
// counts as work and waits with it, so that it skips neither a request nor a wait.
func (s *Stack) Clock() *clock.Clock { return s.clock }

// WaitIdle waits until no work is in flight and no queue that a function polls has a message.
func (s *Stack) WaitIdle(ctx context.Context) error { return s.clock.WaitIdle(ctx) }

// FastForward is [Stack.WaitIdle], but does not wait for messages that are held back: whenever no
// work is in flight, the stack's clock skips to the time at which the next message is due.
// Schedules do not make it skip; those whose time comes meanwhile run.
func (s *Stack) FastForward(ctx context.Context) error { return s.clock.FastForward(ctx) }

// hold counts a lease as work. See [Options].Lease.
func (s *Stack) hold(item dynamodb.Item) (release func()) {
	if s.options.Lease == nil {
		return nil
	}
	until := s.options.Lease(item)
	if until.IsZero() {
		return nil
	}
	return s.clock.Hold(until)
}

// Package lambda emulates Lambda on one machine: functions run as ordinary processes.
//
// A [Service] runs the functions of a template: it builds them, polls their queues, and retries
// asynchronous invocations. A [Function] is an executable that gets its invocations from the Lambda
// Runtime API, as every custom runtime does. This package serves that API: it starts instances on
// demand, gives each of them one invocation at a time, and kills those that exceed their timeout.
//
// Functions in Python and Node.js run with an interpreter on this machine, over a small client of
// the Runtime API that is embedded in this package.
//
// Protocol: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
package lambda

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/singleflight"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/target"
)

// defaultConcurrency is the default for the maximum number of busy instances of a function.
const defaultConcurrency = 4

// mostConcurrency is the largest maximum that a mapping can have:
// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
const mostConcurrency = 1000

// Options configure a [Service]. The zero value, like a nil pointer, is the default.
type Options struct {
	// BuildDir is the folder of the artifacts. Empty: ".".
	BuildDir string
	// Prebuilt means that functions that are already in BuildDir are not built again.
	Prebuilt bool
	// Environment is added to the variables of every function.
	Environment map[string]string
	// Override replaces the values of variables in the functions that declare them.
	Override map[string]string
}

// Service is a set of functions. It is safe for concurrent use once it has started.
type Service struct {
	*shared
	directory *target.Directory
	options   Options
	functions []*function
	previous  *Service

	polling     context.Context // ends pollers between two batches
	stopPolling context.CancelFunc
}

// shared is what a service shares with the one that it inherits from.
type shared struct {
	stopped    context.Context // ends pollers and asynchronous invocations
	stop       context.CancelFunc
	background sync.WaitGroup

	installs     singleflight.Group // of dependencies, by their key
	mu           sync.Mutex
	interpreters map[string]interpreter // by the name of the runtime
	rebuilt      string                 // folder of what was built again; "" until something was
}

// New returns a service without functions. It adds its functions to the directory.
func New(directory *target.Directory, opts *Options) *Service {
	s := &Service{
		directory: cmp.Or(directory, target.NewDirectory(nil, nil)), shared: &shared{interpreters: map[string]interpreter{}},
	}
	if opts != nil {
		s.options = *opts
	}
	s.stopped, s.stop = context.WithCancel(context.Background())
	s.polling, s.stopPolling = context.WithCancel(s.stopped)
	return s
}

// function is a function of the template.
type function struct {
	*pool
	service    *Service
	resource   sam.Resource
	properties properties
	mappings   []*mapping
	failures   target.Target // gets the events that it fails on; nil if nothing does
}

// properties are the properties of an AWS::Serverless::Function that the emulator supports, except
// its Events.
type properties struct {
	CodeUri                      codeURI
	InlineCode                   string
	Runtime, Handler             string
	PackageType                  string
	Layers                       []any
	LoggingConfig                struct{ LogFormat, ApplicationLogLevel string }
	Timeout, MemorySize          sam.Number
	ReservedConcurrentExecutions sam.Number
	Environment                  struct{ Variables map[string]sam.Scalar }
	EventInvokeConfig            struct {
		MaximumRetryAttempts *sam.Number
		DestinationConfig    struct {
			OnFailure struct{ Type, Destination string }
		}
	}
	DeadLetterQueue struct{ TargetArn string }
}

// Add adds a function or a mapping. A mapping's function and queue must have been added before.
func (s *Service) Add(r sam.Resource) error {
	if r.Type == "AWS::Lambda::EventSourceMapping" {
		return s.addMapping(r)
	}
	p, err := sam.Decode[properties](r)
	if err != nil {
		return err
	}
	if err := checkCode(r, p); err != nil {
		return err
	}
	if len(p.Layers) > 0 {
		s.directory.Recorder.Warn("the layers of function %s are not run locally", r.ID())
	}
	f := &function{service: s, resource: r, properties: p, pool: &pool{}}
	if old := s.inherited(r.ARN); old != nil {
		f.pool = old.pool
	}
	s.functions = append(s.functions, f)
	s.directory.Add(r.ARN, f)
	return nil
}

// Start builds every function, several at a time, starts one instance of each, and begins to poll
// the queues. It returns an error if a build fails or a function does not start.
func (s *Service) Start(ctx context.Context) error {
	if err := s.Build(ctx); err != nil {
		return err
	}
	if err := s.Warm(ctx); err != nil {
		return err
	}
	s.Commit()
	return nil
}

func (s *Service) each(ctx context.Context, do func(*function, context.Context) error) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, f := range s.functions {
		group.Go(func() error { return f.located(do(f, ctx)) })
	}
	return group.Wait()
}

// located adds where the function is in its template to an error.
func (f *function) located(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s:%d: %s (%s): %w", f.resource.File, f.resource.Line, f.resource.LogicalID, f.resource.Type, err)
}

// config returns how instances of the function run its code.
func (f *function) config(c code) Config {
	return Config{
		Name: f.resource.Name, ARN: f.resource.ARN, Command: c.command, TaskRoot: c.taskRoot, Source: c.source, Env: f.environment(c),
		Runtime: f.properties.Runtime, Handler: f.properties.Handler,
		LogFormat: f.properties.LoggingConfig.LogFormat, LogLevel: f.properties.LoggingConfig.ApplicationLogLevel,
		Timeout: f.properties.Timeout.Seconds(), MemorySize: f.properties.MemorySize.Int(), Instances: f.instances(),
		Log: func(line string) { f.record(activity.Step{Kind: activity.Logged, Text: line}) },
	}
}

// instances returns how many instances may be busy at once.
func (f *function) instances() int {
	n := cmp.Or(f.properties.ReservedConcurrentExecutions.Int(), defaultConcurrency)
	for _, m := range f.mappings {
		n = max(n, m.concurrency)
	}
	return n
}

// environment returns the template's variables with overrides applied, the common ones, and those
// of the code.
func (f *function) environment(c code) map[string]string {
	env := maps.Clone(c.env)
	maps.Copy(env, f.service.options.Environment)
	for name, value := range f.properties.Environment.Variables {
		env[name] = string(value)
		if override, ok := f.service.options.Override[name]; ok {
			env[name] = override
		}
	}
	return env
}

// ID implements [target.Target].
func (f *function) ID() string { return f.resource.ID() }

func (f *function) record(s activity.Step) {
	s.Name = f.ID()
	f.service.directory.Recorder.Record(s)
}

// IDs returns the ids of all functions.
func (s *Service) IDs() []string {
	var ids []string
	for _, f := range s.functions {
		ids = append(ids, f.ID())
	}
	return ids
}

// Processes returns the id of the function that processes what is delivered to a function or a queue
// with that id, or "".
func (s *Service) Processes(id string) string {
	for _, f := range s.functions {
		if f.ID() == id || slices.ContainsFunc(f.mappings, func(m *mapping) bool { return m.queue.ID() == id }) {
			return f.ID()
		}
	}
	return ""
}

// Variable returns the value of a variable of the function with an id, if it has one.
func (s *Service) Variable(id, name string) (value string, ok bool) {
	for _, f := range s.functions {
		if f.ID() == id {
			value, ok := f.properties.Environment.Variables[name]
			return string(value), ok
		}
	}
	return "", false
}

// Values returns the distinct values of a variable in all functions, except "".
func (s *Service) Values(name string) []string {
	var values []string
	for _, f := range s.functions {
		value := string(f.properties.Environment.Variables[name])
		if value != "" && !slices.Contains(values, value) {
			values = append(values, value)
		}
	}
	return values
}

// Kill sends SIGKILL to one instance that is processing a payload for which match returns true, and
// reports whether there was one.
func (s *Service) Kill(match func(payload []byte) bool) bool {
	return slices.ContainsFunc(s.functions, func(f *function) bool {
		current := f.pool.load()
		return current != nil && current.Kill(match)
	})
}

// PIDs returns the ids of the functions' processes, by the functions' ids.
func (s *Service) PIDs() map[string][]int {
	ids := map[string][]int{}
	for _, f := range s.functions {
		if current := f.pool.load(); current != nil {
			ids[f.ID()] = current.PIDs()
		}
	}
	return ids
}

// Close ends all processes and waits for them.
func (s *Service) Close() {
	s.stop()
	s.background.Wait()
	for _, f := range s.functions {
		f.pool.swap(nil)
	}
	if s.rebuilt != "" {
		os.RemoveAll(s.rebuilt)
	}
}

// Package aws runs a SAM template on one machine, for development and tests.
//
// [Open] reads the template and gives each of its resources to the emulated service that runs such:
// queues to package sqs, functions to package lambda, and so on. The result is a [Stack], with HTTP
// API routes at an address of its own. The functions reach the services through the SDK's own
// AWS_ENDPOINT_URL, so they cannot tell the difference.
//
// The template is the only description of the system. What it asks for and no service does is
// reported: an event pattern or an input transformer that cannot be read is an error, and resource
// types that are not run are named in a warning.
package aws

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/apigateway"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/awsjson"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/clock"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/dynamodb"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/eventbridge"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/lambda"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/scheduler"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/secretsmanager"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sqs"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/target"
)

// ErrBusy is returned by Open when another process listens on the address asked for.
var ErrBusy = errors.New("the address is in use")

// Options say what to run and how. The zero value is the default.
type Options struct {
	Template    string            // path of the SAM template, template.yaml when empty; paths in it are relative to its folder
	Parameters  map[string]string // values for its parameters
	Listen      string            // address of the HTTP API routes, 127.0.0.1:8787 when empty
	BuildDir    string            // where functions are built, .meterbridge/build beside the template when empty
	Prebuilt    bool              // whether a function that is in BuildDir already is not built again
	Environment map[string]string // replaces a variable in every function that declares it
	Secrets     map[string]string // value of each secret, by the variable of a function that names the secret
	Observer    activity.Observer // receives every step; nil means none is reported
	// ClockFactor is how much faster than real time the stack's time passes: visibility timeouts,
	// delays, schedules, the deadlines of the functions that queues feed. Zero means 1. The work of
	// a function takes as long as ever, so no deadline is made shorter than 3 s, and a factor that
	// makes visibility timeouts shorter than that lets batches be received twice.
	ClockFactor float64
	// Unscheduled keeps schedules from running by themselves; see RunSchedules.
	Unscheduled bool
	// Places where faults can be put before, after or in place of what is done there; nil means
	// none. Intercept wraps the handling of each AWS call of the functions, Front that of each
	// request to an HTTP API, and Queue may change how a queue is made.
	Intercept func(call awsjson.Call, next http.Handler) http.Handler
	Front     func(next http.Handler) http.Handler
	Queue     func(*sqs.Config)
}

// Stack is a running template. It is safe for concurrent use.
type Stack struct {
	options   Options
	directory *target.Directory
	listeners

	secrets   *secretsmanager.Service
	tables    *dynamodb.Service
	queues    *sqs.Service
	functions *lambda.Service
	schedules *scheduler.Service
	buses     *eventbridge.Service
	routes    *apigateway.Service
}

// Open reads the template, builds and starts what it describes, and serves until Close. Every
// function has started when it returns, so a fault in a function's configuration is its error.
func Open(ctx context.Context, opts *Options) (*Stack, error) {
	s := &Stack{}
	if opts != nil {
		s.options = *opts
	}
	s.options.Template = cmp.Or(s.options.Template, "template.yaml")
	s.options.Listen = cmp.Or(s.options.Listen, "127.0.0.1:8787")
	folder := filepath.Dir(s.options.Template)
	s.options.BuildDir = cmp.Or(s.options.BuildDir, filepath.Join(folder, ".meterbridge", "build"))
	if err := s.listen(s.options.Listen); err != nil {
		return nil, err
	}
	s.accessKey = "local" + rand.Text()
	s.directory = target.NewDirectory(clock.New(s.options.ClockFactor), s.options.Observer)
	s.secrets, s.tables = secretsmanager.New(s.directory.Clock.Now), dynamodb.New()
	s.queues = sqs.New(s.directory, &sqs.Options{Endpoint: s.endpoint(), Configure: s.options.Queue})
	s.functions = lambda.New(s.directory, &lambda.Options{
		Dir: folder, BuildDir: s.options.BuildDir, Prebuilt: s.options.Prebuilt,
		Environment: s.Environment(), Override: s.options.Environment,
	})
	s.schedules = scheduler.New(s.directory)
	s.buses = eventbridge.New(s.directory, s.schedules)
	s.routes = apigateway.New(s.directory)
	if err := s.start(ctx); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Stack) start(ctx context.Context) error {
	if err := s.addResources(); err != nil {
		return err
	}
	if err := s.queues.Start(); err != nil {
		return fmt.Errorf("%s: %w", s.options.Template, err)
	}
	for variable, value := range s.options.Secrets {
		if err := s.Rotate(variable, value); err != nil {
			return err
		}
	}
	s.serve(s.aws, s.authorized(awsjson.New(
		&awsjson.Options{Warn: func(text string) { s.directory.Recorder.Warn("%s", text) }, Intercept: s.options.Intercept},
		s.buses.Operations(), s.secrets.Operations(), s.queues.Operations(), s.tables.Operations(),
	)))
	if err := s.functions.Start(ctx); err != nil {
		return err
	}
	var front http.Handler = s.routes
	if s.options.Front != nil {
		front = s.options.Front(front)
	}
	s.serve(s.front, front)
	if !s.options.Unscheduled {
		s.schedules.Start()
	}
	return nil
}

// passive lists types, or their beginnings, that a local stack can do without.
var passive = []string{
	"AWS::Serverless::HttpApi", "AWS::SQS::QueuePolicy", "AWS::Events::EventBusPolicy", "AWS::Events::Archive", "AWS::SNS::Topic",
	"AWS::SNS::Subscription", "AWS::SecretsManager::ResourcePolicy", "AWS::Lambda::Permission", "AWS::Serverless::Application",
	"AWS::IAM::", "AWS::Logs::", "AWS::CloudWatch::", "AWS::EventSchemas::", "AWS::KMS::", "AWS::SSM::",
}

// addResources gives each resource to the service that runs it, and warns of the others.
func (s *Stack) addResources() error {
	resources, err := s.resources()
	if err != nil {
		return err
	}
	run := slices.Clone(passive)
	for _, kind := range []struct { // in this order, a resource comes after those that it delivers to
		resourceType string
		add          func(sam.Resource) error
	}{
		{"AWS::SecretsManager::Secret", s.secrets.Add},
		{"AWS::DynamoDB::Table", s.tables.Add},
		{"AWS::SQS::Queue", s.queues.Add},
		{"AWS::Serverless::Function", s.functions.Add},
		{"AWS::Lambda::EventSourceMapping", s.functions.Add},
		{"AWS::Events::EventBus", s.buses.Add},
		{"AWS::Events::Rule", s.buses.Add},
		{"AWS::Scheduler::Schedule", s.schedules.Add},
		{sam.Route, s.routes.Add},
	} {
		run = append(run, kind.resourceType)
		for _, r := range resources {
			if r.Type != kind.resourceType {
				continue
			}
			if err := kind.add(r); err != nil {
				return fmt.Errorf("%s:%d: %s (%s): %w", s.options.Template, r.Line, r.LogicalID, r.Type, err)
			}
		}
	}
	var left []string
	for _, r := range resources {
		if !slices.ContainsFunc(run, func(prefix string) bool { return strings.HasPrefix(r.Type, prefix) }) {
			left = append(left, r.LogicalID+" ("+r.Type+")")
		}
	}
	if len(left) > 0 {
		s.directory.Recorder.Warn("not run locally: %s", strings.Join(left, ", "))
	}
	return nil
}

// resources returns the template's resources, with those of functions' events.
func (s *Stack) resources() ([]sam.Resource, error) {
	source, err := os.ReadFile(s.options.Template)
	if err != nil {
		return nil, fmt.Errorf("read template: %w", err)
	}
	options := &sam.Options{
		File: s.options.Template, Parameters: s.options.Parameters, Region: target.Region, AccountID: target.Account, Endpoint: s.endpoint(),
	}
	template, err := sam.Parse(source, options)
	if err != nil {
		return nil, err
	}
	var resources []sam.Resource
	for _, r := range template.Resources {
		generated, err := sam.Events(r, options)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %s: %w", s.options.Template, r.Line, r.LogicalID, err)
		}
		resources = append(append(resources, r), generated...)
	}
	return resources, nil
}

// Close stops serving, ends every process of the functions, and returns when all are gone.
func (s *Stack) Close() {
	s.schedules.Close()
	s.listeners.close()
	s.functions.Close()
}

// Kill sends SIGKILL to one instance that works on a payload for which match is true, if any.
func (s *Stack) Kill(match func(payload []byte) bool) bool { return s.functions.Kill(match) }

// Rotate gives each secret that functions name by a variable another value; the last is kept.
func (s *Stack) Rotate(variable, value string) error {
	for _, id := range s.functions.Values(variable) {
		if err := s.secrets.Put(id, value); err != nil {
			return fmt.Errorf("rotate the secret of %s: %w", variable, err)
		}
	}
	return nil
}

// Switch enables or disables every rule that delivers to the resource with that logical id, and
// returns how many there are.
func (s *Stack) Switch(target string, enabled bool) int { return s.buses.Switch(target, enabled) }

// Routes lists the routes, such as "POST /webhook", with the logical ids of their functions.
func (s *Stack) Routes() map[string]string {
	routes := map[string]string{}
	for _, r := range s.routes.Routes() {
		routes[r.Method+" "+r.Path] = r.Function
	}
	return routes
}

// RouteOf returns the URL of the first POST route of a function that has the variable, or "".
func (s *Stack) RouteOf(variable string) string {
	for _, r := range s.routes.Routes() {
		if _, has := s.functions.Variable(r.Function, variable); has && r.Method == http.MethodPost {
			return s.URL() + r.Path
		}
	}
	return ""
}

// QueueNamedBy returns the logical id of the queue that a variable of a function names, or "".
func (s *Stack) QueueNamedBy(variable string) string {
	for _, url := range s.functions.Values(variable) {
		if q := s.queues.QueueAt(url); q != nil {
			return q.ID()
		}
	}
	return ""
}

// Scheduled reports whether there are schedules.
func (s *Stack) Scheduled() bool { return s.schedules.Len() > 0 }

// RunSchedules runs every schedule now and returns their logical ids. See [Stack.WaitIdle].
func (s *Stack) RunSchedules() []string { return s.schedules.RunAll() }

// WaitIdle waits until nothing is being worked on and no queue of a function has a message.
func (s *Stack) WaitIdle(ctx context.Context) error { return s.directory.Clock.WaitIdle(ctx, s.queues) }

// FastForward is WaitIdle without the wait for messages that are only held back: while nothing is
// being worked on, the stack's clock skips to the time at which the next message is due.
func (s *Stack) FastForward(ctx context.Context) error {
	return s.directory.Clock.FastForward(ctx, s.queues)
}

package aws

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/awswire"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/clock"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/dynamodb"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sqs"
)

// Where the stack pretends to be.
const (
	region    = "us-east-1"
	account   = "000000000000"
	stackName = "meterbridge"
)

// defaultConcurrency is how many instances of a function may work at once where the template does not say.
const defaultConcurrency = 4

// ErrBusy is returned by Open when another process listens on the address asked for.
var ErrBusy = errors.New("the address is in use")

// Options say what to run and how. Template is required; other zero values are defaults.
type Options struct {
	Template    string            // path of the SAM template; paths in it are relative to its folder
	Parameters  map[string]string // values for its parameters
	Listen      string            // address of the front door; default 127.0.0.1:8787
	BuildDir    string            // where functions are built; default .meterbridge/build beside the template
	Environment map[string]string // replaces a variable in every function that declares it
	Secrets     map[string]string // from a variable that names a secret to what that secret holds
	Observer    activity.Observer // is told every step; default none
	Prebuilt    bool              // whether a function that is in BuildDir already is not built again

	// ClockFactor is how much faster than real time the stack's time passes: visibility timeouts, delays, schedules, the
	// deadlines of the functions that queues feed. Default 1. The work of a function takes as long as ever, so no deadline is
	// made shorter than 3 s, and a factor that makes visibility timeouts shorter than that lets batches be handed out twice.
	ClockFactor float64
	// Unscheduled keeps schedules from running by themselves; see RunSchedules.
	Unscheduled bool

	// Places where faults can be put before, after or in place of what is done there; default none. Intercept wraps the
	// handling of each AWS call of the functions, Front that of each request to the front door, and Queue may change how
	// a queue is made.
	Intercept func(call awswire.Call, next http.Handler) http.Handler
	Front     func(next http.Handler) http.Handler
	Queue     func(*sqs.Config)
}

// Stack is a running template. It is safe for concurrent use.
type Stack struct {
	options  Options
	clock    *clock.Clock
	template *sam.Template
	secrets  *awswire.Secrets
	tables   []*dynamodb.Table

	functions map[string]*function   // by logical id
	queues    map[string]*localQueue // by logical id
	buses     map[string]*bus        // by logical id
	mappings  []*mapping

	schedules []schedule

	functionRules     []functionRule
	functionSchedules []functionSchedule
	gateway           *gateway

	front, aws net.Listener
	accessKey  string // what proves to the stand-in for AWS that a call comes from a function of this stack
	servers    []*http.Server
	stop       context.CancelFunc // ends pollers and asynchronous invocations
	stopped    context.Context
	background sync.WaitGroup
	inFlight   atomic.Int64 // requests, batches and deliveries that are being worked on
}

// Open reads the template, builds and starts what it describes, and serves until Close. Every function has started when
// it returns, so a fault in a function's configuration is its error.
func Open(ctx context.Context, options Options) (*Stack, error) {
	s := newStack(options)
	if err := s.open(ctx); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func newStack(options Options) *Stack {
	options.Listen = cmp.Or(options.Listen, "127.0.0.1:8787")
	options.BuildDir = cmp.Or(options.BuildDir, filepath.Join(filepath.Dir(options.Template), ".meterbridge", "build"))
	if options.Observer == nil {
		options.Observer = activity.ObserverFunc(func(activity.Step) {})
	}
	s := &Stack{
		options:   options,
		clock:     clock.New(options.ClockFactor),
		functions: map[string]*function{},
		queues:    map[string]*localQueue{},
		buses:     map[string]*bus{},
	}
	s.accessKey = "local" + rand.Text()
	s.stopped, s.stop = context.WithCancel(context.Background())
	s.gateway = &gateway{stack: s}
	return s
}

func (s *Stack) open(ctx context.Context) error {
	if err := s.listen(); err != nil {
		return err
	}
	source, err := os.ReadFile(s.options.Template)
	if err != nil {
		return fmt.Errorf("read template: %w", err)
	}
	s.template, err = sam.Parse(source, &sam.Options{
		File: s.options.Template, Parameters: s.options.Parameters,
		Region: region, AccountID: account, StackName: stackName, Endpoint: s.awsURL(),
	})
	if err != nil {
		return err
	}
	if err := s.wire(ctx); err != nil {
		return fmt.Errorf("%s: %w", s.options.Template, err)
	}
	s.serve()
	if err := s.warm(ctx); err != nil {
		return err
	}
	if !s.options.Unscheduled {
		s.startSchedules()
	}
	return nil
}

// wire makes every resource of the template after those that it names.
func (s *Stack) wire(ctx context.Context) error {
	s.warnUnsupported()
	wireFunctions := func() error { return s.wireFunctions(ctx) }
	for _, wire := range []func() error{s.wireSecrets, s.wireTables, s.wireQueues, wireFunctions, s.fillSecrets, s.wireRules, s.wireSchedules} {
		if err := wire(); err != nil {
			return err
		}
	}
	s.gateway.sort()
	return nil
}

func (s *Stack) resources(kind string) []sam.Resource {
	return slices.DeleteFunc(slices.Clone(s.template.Resources), func(r sam.Resource) bool { return r.Type != kind })
}

// Kill ends one instance of a function that is working on a payload that match accepts, as SIGKILL does, and reports whether
// there was one.
func (s *Stack) Kill(match func(payload []byte) bool) bool {
	for _, f := range s.functions {
		if f.Kill(match) {
			return true
		}
	}
	return false
}

// Close stops serving, ends every process of the functions, and returns when all are gone.
func (s *Stack) Close() {
	s.stop()
	for _, server := range s.servers {
		server.Close()
	}
	for _, listener := range []net.Listener{s.front, s.aws} {
		if listener != nil {
			listener.Close()
		}
	}
	s.background.Wait()
	for _, f := range s.functions {
		f.Close()
	}
}

func (s *Stack) observe(step activity.Step) {
	if step.Time.IsZero() {
		step.Time = s.clock.Now()
	}
	s.options.Observer.Observe(step)
}

func (s *Stack) warn(format string, arguments ...any) {
	s.observe(activity.Step{Kind: activity.Warned, Text: fmt.Sprintf(format, arguments...)})
}

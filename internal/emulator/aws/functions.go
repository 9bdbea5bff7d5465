package aws

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/lambda"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
)

// function is a function of the template.
type function struct {
	*lambda.Function
	logicalID, arn string
	asyncRetries   int
	properties     functionProperties
	stack          *Stack
}

// wireFunctions builds every function, several at a time, and prepares it to be invoked.
func (s *Stack) wireFunctions(ctx context.Context) error {
	building, ctx := errgroup.WithContext(ctx)
	bootstraps := map[string]*string{}
	resources := s.resources("AWS::Serverless::Function")
	for _, r := range resources {
		p, err := decode[functionProperties](r)
		if err != nil {
			return err
		}
		if p.Runtime != "" && !strings.HasPrefix(p.Runtime, "provided") {
			return fmt.Errorf("line %d: function %s: runtime %q is not run locally: build it with a makefile target into an executable bootstrap for provided.al2023",
				r.Line, r.LogicalID, p.Runtime)
		}
		bootstrap := new(string)
		bootstraps[r.LogicalID] = bootstrap
		building.Go(func() (err error) {
			*bootstrap, err = s.build(ctx, r, p)
			return err
		})
	}
	if err := building.Wait(); err != nil {
		return err
	}
	for _, r := range resources {
		if err := s.wireFunction(r, *bootstraps[r.LogicalID]); err != nil {
			return fmt.Errorf("line %d: function %s: %w", r.Line, r.LogicalID, err)
		}
	}
	return nil
}

func (s *Stack) wireFunction(r sam.Resource, bootstrap string) error {
	p, err := decode[functionProperties](r)
	if err != nil {
		return err
	}
	f := &function{logicalID: r.LogicalID, arn: r.ARN, asyncRetries: 2, properties: p, stack: s}
	if n := p.EventInvokeConfig.MaximumRetryAttempts; n != nil {
		f.asyncRetries = int(*n)
	}
	s.functions[r.LogicalID] = f
	instances := cmp.Or(int(p.ReservedConcurrentExecutions), defaultConcurrency)
	for _, name := range slices.Sorted(maps.Keys(p.Events)) {
		if err := s.wireEvent(f, name, p.Events[name], &instances); err != nil {
			return err
		}
	}
	f.Function = lambda.New(lambda.Config{
		Name: r.Name, ARN: r.ARN, Bootstrap: bootstrap, TaskRoot: filepath.Dir(bootstrap), Env: s.environment(p),
		Timeout: f.timeout(), MemorySize: int(p.MemorySize), Instances: instances,
		Log: func(line string) { s.observe(activity.Step{Kind: activity.Logged, Name: r.LogicalID, Text: line}) },
	})
	return nil
}

// leastTimeout is the least that the clock's factor leaves of a function's timeout: its work takes as long as ever.
const leastTimeout = 3 * time.Second

// timeout is how long an invocation may take in real time. For a function that a queue feeds it passes as fast as the
// visibility timeout does, which has to be longer than it.
func (f *function) timeout() time.Duration {
	byTemplate := cmp.Or(f.properties.Timeout, 3).seconds()
	if !slices.ContainsFunc(f.stack.mappings, func(m *mapping) bool { return m.function == f }) {
		return byTemplate
	}
	return min(byTemplate, max(f.stack.clock.Real(byTemplate), leastTimeout))
}

// wireEvent connects one entry of a function's Events. A mapping that may run more instances raises their number.
func (s *Stack) wireEvent(f *function, name string, e functionEvent, instances *int) error {
	switch e.Type {
	case "HttpApi":
		var p httpEvent
		if err := json.Unmarshal(e.Properties, &p); err != nil {
			return fmt.Errorf("event %s: %w", name, err)
		}
		s.gateway.routes = append(s.gateway.routes, route{
			method: strings.ToUpper(cmp.Or(p.Method, "ANY")), path: cmp.Or(p.Path, "/{proxy+}"), function: f,
		})
	case "SQS":
		m, err := s.newMapping(f, name, e.Properties)
		if m == nil || err != nil {
			return err
		}
		s.mappings = append(s.mappings, m)
		*instances = max(*instances, m.concurrency)
	case "ScheduleV2":
		var p scheduleEvent
		if err := json.Unmarshal(e.Properties, &p); err != nil {
			return fmt.Errorf("event %s: %w", name, err)
		}
		s.functionSchedules = append(s.functionSchedules, functionSchedule{f, name, p})
	case "EventBridgeRule", "CloudWatchEvent", "Schedule":
		var p busEvent
		if err := json.Unmarshal(e.Properties, &p); err != nil {
			return fmt.Errorf("event %s: %w", name, err)
		}
		s.functionRules = append(s.functionRules, functionRule{f, name, p})
	default:
		s.warn("function %s: event %s of type %s is not run locally", f.logicalID, name, e.Type)
	}
	return nil
}

// environment is what the template sets, with the replacements of the options, and the way to the stand-in for AWS.
func (s *Stack) environment(p functionProperties) map[string]string {
	env := map[string]string{
		"AWS_ENDPOINT_URL":      s.awsURL(),
		"AWS_REGION":            region,
		"AWS_DEFAULT_REGION":    region,
		"AWS_ACCESS_KEY_ID":     s.accessKey,
		"AWS_SECRET_ACCESS_KEY": "local",
		// Without these the SDK could look for files or an instance of EC2 that have no say here.
		"AWS_EC2_METADATA_DISABLED":   "true",
		"AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
		"AWS_CONFIG_FILE":             os.DevNull,
	}
	for name, value := range p.Environment.Variables {
		env[name] = string(value)
		if replacement, ok := s.options.Environment[name]; ok {
			env[name] = replacement
		}
	}
	return env
}

// warm starts one instance of each function.
func (s *Stack) warm(ctx context.Context) error {
	starting, ctx := errgroup.WithContext(ctx)
	for _, f := range s.functions {
		starting.Go(func() error { return f.Warm(ctx) })
	}
	return starting.Wait()
}

func (f *function) invoke(ctx context.Context, payload []byte) ([]byte, error) {
	return f.Function.Invoke(ctx, payload)
}

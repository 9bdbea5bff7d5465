package aws

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/apigateway"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/awsjson"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/dynamodb"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/eventbridge"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/lambda"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/scheduler"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/secretsmanager"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sqs"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/target"
)

// generation is the services as one reading of the templates wires them. The next generation has new
// services, which inherit what has to outlive a change of a template: messages, items, secrets, and
// functions that stay the same.
type generation struct {
	directory  *target.Directory
	secrets    *secretsmanager.Service
	tables     *dynamodb.Service
	queues     *sqs.Service
	functions  *lambda.Service
	schedules  *scheduler.Service
	buses      *eventbridge.Service
	routes     *apigateway.Service
	outputs    map[string]string // of the first template, by name
	parameters map[string]string // of the first template, as text
	names      map[string]string // of the resources, by id
}

func (s *Stack) newGeneration(directory *target.Directory) *generation {
	g := &generation{
		directory: directory,
		secrets:   secretsmanager.New(s.clock.Now),
		tables:    dynamodb.New(&dynamodb.Options{Hold: s.hold}),
		queues:    sqs.New(directory, &sqs.Options{Endpoint: s.endpoint(), Configure: s.options.Queue}),
		functions: lambda.New(directory, &lambda.Options{
			BuildDir: s.options.BuildDir, Prebuilt: s.options.Prebuilt,
			Environment: s.Environment(), Override: s.options.Environment,
		}),
		schedules: scheduler.New(directory),
		routes:    apigateway.New(directory),
		outputs:   map[string]string{},
		names:     map[string]string{},
	}
	g.buses = eventbridge.New(directory, g.schedules)
	return g
}

// reload reads the templates again and puts the result in place of the current generation. If that
// fails, the current one goes on. It returns the ids of the functions that have changed.
func (s *Stack) reload(ctx context.Context) (changed []string, err error) {
	old := s.current.Load()
	g := s.newGeneration(old.directory.Next())
	g.secrets.Inherit(old.secrets)
	g.tables.Inherit(old.tables)
	g.queues.Inherit(old.queues)
	g.functions.Inherit(old.functions)
	if err := s.prepare(ctx, g, old); err != nil {
		g.functions.Discard()
		return nil, err
	}
	g.queues.Commit()
	changed = g.functions.Commit()
	g.buses.Inherit(old.buses)
	s.current.Store(g)
	s.api.set(s.operations(g))
	s.routing.set(g.routes)
	old.schedules.Close()
	if !s.options.Unscheduled {
		g.schedules.Start()
	}
	return changed, nil
}

// prepare does everything for a new generation that can fail. Functions that start already see its
// queues, tables and secrets; events still go by the rules of the old one.
func (s *Stack) prepare(ctx context.Context, g, old *generation) error {
	if err := s.addResources(g); err != nil {
		return err
	}
	if err := s.fillSecrets(g); err != nil {
		return err
	}
	if err := g.functions.Build(ctx); err != nil {
		return err
	}
	mixed := *g
	mixed.buses = old.buses
	s.api.set(s.operations(&mixed))
	err := g.functions.Warm(ctx)
	if err != nil {
		s.api.set(s.operations(old))
	}
	return err
}

// fillSecrets stores the values of [Options].Secrets in the secrets that were not inherited.
func (s *Stack) fillSecrets(g *generation) error {
	for variable, value := range s.options.Secrets {
		for _, id := range g.functions.Values(variable) {
			if g.secrets.Inherited(id) {
				continue
			}
			if err := g.secrets.Put(id, value); err != nil {
				return fmt.Errorf("store the secret of %s: %w", variable, err)
			}
		}
	}
	return nil
}

// operations returns the handler of the AWS calls to a generation's services.
func (s *Stack) operations(g *generation) http.Handler {
	return awsjson.New(
		&awsjson.Options{Warn: func(text string) { s.recorder.Warn("%s", text) }, Intercept: s.options.Intercept},
		g.buses.Operations(), g.secrets.Operations(), g.queues.Operations(), g.tables.Operations(), s.logs.Operations(),
	)
}

// switched is a handler that can be replaced while it serves.
type switched struct{ current atomic.Pointer[http.Handler] }

func (h *switched) set(next http.Handler) { h.current.Store(&next) }

// ServeHTTP implements [http.Handler].
func (h *switched) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	(*h.current.Load()).ServeHTTP(w, r)
}

package lambda

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
)

// Errors of an invocation that ends without an answer from the handler.
var (
	ErrTimeout = errors.New("lambda: task timed out")
	ErrExited  = errors.New("lambda: runtime exited without an answer")
	ErrClosed  = errors.New("lambda: function is closed")
)

// errUnclaimed means that the instance exited before it fetched the invocation.
var errUnclaimed = errors.New("lambda: instance ended while it was idle")

// Config describes one function. Name and Command are required.
type Config struct {
	Name, ARN  string
	Command    []string          // the executable and its arguments
	TaskRoot   string            // working directory of the executable, without symbolic links
	Source     string            // the folder of which TaskRoot is a copy, for places in errors; empty if it is not a copy
	Runtime    string            // empty means "provided.al2023"
	Handler    string            // empty means "bootstrap"
	LogFormat  string            // Text or JSON; empty means Text
	LogLevel   string            // least level of log lines; empty means that the function decides
	Env        map[string]string // environment, in addition to Lambda's own variables
	Timeout    time.Duration     // of one invocation; zero means 3 s, as in AWS
	MemorySize int               // in MB, reported to the function and not enforced; zero means 128
	Instances  int               // maximum number of instances; zero means 1
	Log        func(line string) // called with each line that an instance prints, concurrently; nil drops them
}

// Function runs the instances of one function. It is safe for concurrent use.
type Function struct {
	config Config
	tokens *semaphore.Weighted // one for each instance that may be busy
	busy   sync.Map            // the payload of each busy *instance

	mu     sync.Mutex
	idle   []*instance
	closed bool
}

// NewFunction returns a function whose first instance starts with the first invocation.
func NewFunction(config Config) *Function {
	config.Timeout = cmp.Or(config.Timeout, 3*time.Second)
	config.MemorySize = cmp.Or(config.MemorySize, 128)
	config.Instances = cmp.Or(config.Instances, 1)
	config.Runtime, config.Handler = cmp.Or(config.Runtime, "provided.al2023"), cmp.Or(config.Handler, "bootstrap")
	config.LogFormat = cmp.Or(config.LogFormat, "Text")
	if config.Log == nil {
		config.Log = func(string) {}
	}
	return &Function{config: config, tokens: semaphore.NewWeighted(int64(config.Instances))}
}

// starts is how often Warm starts an instance before it gives up. Lambda also repeats an
// initialization that has failed, because what a function reads there may fail for a moment.
const starts = 3

// Warm starts one instance, so that a failure to start is reported now.
func (f *Function) Warm(ctx context.Context) (err error) {
	if err := f.tokens.Acquire(ctx, 1); err != nil {
		return err
	}
	defer f.tokens.Release(1)
	for range starts {
		var in *instance
		if in, err = f.take(ctx); err == nil {
			f.put(in)
			return nil
		}
		if reported, ok := errors.AsType[*InvocationError](err); ctx.Err() != nil || ok && strings.HasPrefix(reported.Type, "Runtime.") {
			break // the runtime itself found a fault in the code, which stays
		}
	}
	return err
}

// Invoke runs one invocation and returns the handler's answer. Its error is an [*InvocationError]
// that the function reported, or wraps [ErrTimeout], [ErrExited], [ErrClosed] or the error of ctx.
func (f *Function) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	if err := f.tokens.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	defer f.tokens.Release(1)
	for {
		in, err := f.take(ctx)
		if err != nil {
			return nil, err
		}
		f.busy.Store(in, payload)
		answer, err := in.invoke(ctx, payload)
		f.busy.Delete(in)
		_, reported := errors.AsType[*InvocationError](err)
		switch {
		case err == nil || reported:
			f.put(in)
			return answer, err
		case errors.Is(err, errUnclaimed):
			in.kill()
		default:
			in.kill()
			return nil, fmt.Errorf("invoke %s: %w", f.config.Name, err)
		}
	}
}

// Kill sends SIGKILL to one instance that is working on a payload that match accepts, and reports
// whether there was one. Its invocation ends with [ErrExited] unless it has already answered.
func (f *Function) Kill(match func(payload []byte) bool) (killed bool) {
	f.busy.Range(func(key, payload any) bool {
		in := key.(*instance)
		if killed = match(payload.([]byte)) && in.alive(); killed {
			killGroup(in.cmd) // an error means that it has exited by itself
		}
		return !killed
	})
	return killed
}

// PIDs returns the process ids of the instances that have started.
func (f *Function) PIDs() (ids []int) {
	f.busy.Range(func(in, _ any) bool {
		ids = append(ids, in.(*instance).cmd.Process.Pid)
		return true
	})
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, in := range f.idle {
		ids = append(ids, in.cmd.Process.Pid)
	}
	return ids
}

// Close ends idle instances and refuses invocations. A busy instance ends with its invocation's
// context.
func (f *Function) Close() {
	f.mu.Lock()
	idle := f.idle
	f.idle, f.closed = nil, true
	f.mu.Unlock()
	for _, in := range idle {
		in.kill()
	}
}

// take returns the most recently used instance, or a new one.
func (f *Function) take(ctx context.Context) (*instance, error) {
	f.mu.Lock()
	if f.closed {
		f.mu.Unlock()
		return nil, ErrClosed
	}
	for n := len(f.idle); n > 0; n = len(f.idle) {
		in := f.idle[n-1]
		f.idle = f.idle[:n-1]
		if in.alive() {
			f.mu.Unlock()
			return in, nil
		}
	}
	f.mu.Unlock()
	return start(ctx, f.config)
}

func (f *Function) put(in *instance) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		in.kill()
		return
	}
	f.idle = append(f.idle, in)
}

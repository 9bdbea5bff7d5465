package lambda

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"
)

// initTimeout is how long an instance may take before it requests its first invocation. AWS gives it
// ten seconds, and then as long again as an invocation; here the machine may be busy with a build.
const initTimeout = 30 * time.Second

// instance is one process with its own Runtime API.
type instance struct {
	config Config
	cmd    *exec.Cmd
	server *http.Server

	ready  chan struct{}      // closed by the first request for work
	first  sync.Once          // closes ready
	next   chan *invocation   // the invocation that the process fetches next
	failed chan error         // the failure of its initialization, if the process reports one
	exited chan struct{}      // closed when the process has ended
	stop   context.CancelFunc // ends requests for work that are still open

	working sync.Map // the *invocation that the process has fetched, by its id
}

type invocation struct {
	id       string
	deadline time.Time
	payload  []byte
	done     chan outcome // buffered, so that an answer never blocks
}

// requestIDKey is the key of a request id among a context's values.
type requestIDKey struct{}

// WithRequestID returns a context with which [Function.Invoke] uses that id, which the function's
// log lines contain, instead of a random one.
func WithRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestIDKey{}, id)
}

func requestID(ctx context.Context) string {
	if id, ok := ctx.Value(requestIDKey{}).(string); ok {
		return id
	}
	return uuid.NewString()
}

type outcome struct {
	answer []byte
	err    error
}

func start(ctx context.Context, config Config) (*instance, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the runtime: %w", err)
	}
	base, stop := context.WithCancel(context.Background())
	in := &instance{
		config: config,
		ready:  make(chan struct{}),
		next:   make(chan *invocation),
		failed: make(chan error, 1),
		exited: make(chan struct{}),
		stop:   stop,
	}
	in.server = &http.Server{Handler: in.routes(), BaseContext: func(net.Listener) context.Context { return base }}
	go in.server.Serve(listener)
	if err := in.run(listener.Addr().String()); err != nil {
		in.closeServer()
		return nil, fmt.Errorf("start %s: %w", config.Name, err)
	}
	if err := in.awaitReady(ctx); err != nil {
		in.kill()
		return nil, fmt.Errorf("start %s: %w", config.Name, err)
	}
	return in, nil
}

func (in *instance) run(address string) error {
	in.cmd = exec.Command(in.config.Command[0], in.config.Command[1:]...)
	in.cmd.Dir, in.cmd.Env = in.config.TaskRoot, in.environment(address)
	group(in.cmd)
	stdout, stderr := &lineWriter{each: in.config.Log}, &lineWriter{each: in.config.Log}
	in.cmd.Stdout, in.cmd.Stderr = stdout, stderr
	if err := in.cmd.Start(); err != nil {
		return err
	}
	go func() {
		in.cmd.Wait()
		stdout.flush()
		stderr.flush()
		close(in.exited)
	}()
	return nil
}

func (in *instance) awaitReady(ctx context.Context) error {
	select {
	case <-in.ready:
		return nil
	case err := <-in.failed:
		return err
	case <-in.exited:
		select {
		case err := <-in.failed: // it reported why, and then exited
			return err
		default:
			return fmt.Errorf("%w: %s before it asked for work", ErrExited, in.cmd.ProcessState)
		}
	case <-time.After(initTimeout):
		return fmt.Errorf("%w: no request for work within %s", ErrTimeout, initTimeout)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// invoke passes one invocation to the process and waits for its outcome or its deadline.
func (in *instance) invoke(ctx context.Context, payload []byte) ([]byte, error) {
	inv := &invocation{
		id:       requestID(ctx),
		deadline: time.Now().Add(in.config.Timeout),
		payload:  payload,
		done:     make(chan outcome, 1),
	}
	timeout, next := time.After(in.config.Timeout), in.next
	for {
		select {
		case next <- inv:
			next = nil
		case out := <-inv.done:
			return out.answer, out.err
		case <-in.exited:
			if next != nil {
				return nil, errUnclaimed
			}
			select {
			case out := <-inv.done: // it answered, and then exited
				return out.answer, out.err
			default:
				return nil, fmt.Errorf("%w: %s", ErrExited, in.cmd.ProcessState)
			}
		case <-timeout:
			return nil, fmt.Errorf("%w after %s", ErrTimeout, in.config.Timeout)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (in *instance) alive() bool {
	select {
	case <-in.exited:
		return false
	default:
		return true
	}
}

func (in *instance) kill() {
	killGroup(in.cmd) // an error means that it has exited by itself
	<-in.exited
	in.closeServer()
}

func (in *instance) closeServer() {
	in.stop()
	in.server.Close()
}

// environment lists AWS's variables, then the function's own. Of this process's variables it
// includes only those that every program needs, so not a key that the developer has exported.
func (in *instance) environment(runtimeAPI string) []string {
	c := in.config
	env := []string{
		"AWS_LAMBDA_RUNTIME_API=" + runtimeAPI,
		"AWS_LAMBDA_FUNCTION_NAME=" + c.Name,
		"AWS_LAMBDA_FUNCTION_VERSION=$LATEST",
		fmt.Sprintf("AWS_LAMBDA_FUNCTION_MEMORY_SIZE=%d", c.MemorySize),
		"AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/" + c.Name,
		"AWS_LAMBDA_LOG_STREAM_NAME=local",
		"AWS_LAMBDA_LOG_FORMAT=" + c.LogFormat,
		"AWS_LAMBDA_INITIALIZATION_TYPE=on-demand",
		"AWS_EXECUTION_ENV=AWS_Lambda_" + c.Runtime,
		"LAMBDA_TASK_ROOT=" + c.TaskRoot,
		"_HANDLER=" + c.Handler,
		"TZ=:UTC",
	}
	if c.LogLevel != "" {
		env = append(env, "AWS_LAMBDA_LOG_LEVEL="+c.LogLevel)
	}
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "LANG", "SYSTEMROOT"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	for name, value := range c.Env {
		env = append(env, name+"="+value)
	}
	return env
}

// maxPayload is Lambda's limit for the answer of a synchronous invocation, in bytes.
const maxPayload = 6 << 20

// routes serves the Runtime API: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
func (in *instance) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", in.handleNext)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/response", in.handleResponse)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/error", func(w http.ResponseWriter, r *http.Request) {
		in.finish(w, r, outcome{err: in.config.readError(r)})
	})
	mux.HandleFunc("POST /2018-06-01/runtime/init/error", func(w http.ResponseWriter, r *http.Request) {
		select {
		case in.failed <- in.config.readError(r):
		default:
		}
		w.WriteHeader(http.StatusAccepted)
	})
	return mux
}

func (in *instance) handleNext(w http.ResponseWriter, r *http.Request) {
	in.first.Do(func() { close(in.ready) })
	select {
	case inv := <-in.next:
		in.working.Store(inv.id, inv)
		h := w.Header()
		h.Set("Content-Type", "application/json")
		h.Set("Lambda-Runtime-Aws-Request-Id", inv.id)
		h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(inv.deadline.UnixMilli(), 10))
		h.Set("Lambda-Runtime-Invoked-Function-Arn", in.config.ARN)
		w.Write(inv.payload)
	case <-r.Context().Done():
	}
}

func (in *instance) handleResponse(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxPayload+1))
	switch {
	case err != nil:
		in.finish(w, r, outcome{err: fmt.Errorf("read answer: %w", err)})
	case len(body) > maxPayload:
		in.finish(w, r, outcome{err: &InvocationError{Type: "Function.ResponseSizeTooLarge", Message: "the answer exceeds 6 MB"}})
	default:
		in.finish(w, r, outcome{answer: body})
	}
}

// finish ends the current invocation. An answer to any other invocation is refused.
func (in *instance) finish(w http.ResponseWriter, r *http.Request, out outcome) {
	inv, found := in.working.LoadAndDelete(r.PathValue("id"))
	if !found {
		http.Error(w, `{"errorType":"InvalidRequestID","errorMessage":"no such invocation"}`, http.StatusBadRequest)
		return
	}
	inv.(*invocation).done <- out
	w.WriteHeader(http.StatusAccepted)
}

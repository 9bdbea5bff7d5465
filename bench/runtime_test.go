package bench

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// instance is a running function with its own Lambda Runtime API:
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
type instance struct {
	cmd         *exec.Cmd
	api         *httptest.Server
	invocations chan []byte
	answers     chan string
	exited      chan error
}

// startInstance starts binary with env as its whole environment.
func startInstance(b *testing.B, binary string, env []string) *instance {
	b.Helper()
	i := &instance{invocations: make(chan []byte), answers: make(chan string), exited: make(chan error, 1)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", i.next)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/{outcome}", i.answer)
	i.api = httptest.NewServer(mux)

	i.cmd = exec.Command(binary)
	i.cmd.Env = append(env, "AWS_LAMBDA_RUNTIME_API="+strings.TrimPrefix(i.api.URL, "http://"))
	i.cmd.Stdout, i.cmd.Stderr = io.Discard, io.Discard
	if testing.Verbose() {
		i.cmd.Stdout, i.cmd.Stderr = os.Stderr, os.Stderr
	}
	if err := i.cmd.Start(); err != nil {
		b.Fatal(err)
	}
	if group := os.Getenv("CGROUP"); group != "" {
		if err := os.WriteFile(filepath.Join(group, "cgroup.procs"), []byte(strconv.Itoa(i.cmd.Process.Pid)), 0); err != nil {
			b.Fatal(err)
		}
	}
	go func() { i.exited <- i.cmd.Wait() }()
	return i
}

func (i *instance) next(w http.ResponseWriter, r *http.Request) {
	select {
	case event := <-i.invocations:
		w.Header().Set("Lambda-Runtime-Aws-Request-Id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd")
		w.Header().Set("Lambda-Runtime-Deadline-Ms", "4102444800000")
		w.Header().Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:000000000000:function:bench")
		_, _ = w.Write(event)
	case <-r.Context().Done():
	}
}

func (i *instance) answer(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		body = []byte(err.Error())
	}
	w.WriteHeader(http.StatusAccepted)
	i.answers <- r.PathValue("outcome") + " " + string(body)
}

// invoke sends the function one event and returns its answer, or an error if the function exits
// instead.
func (i *instance) invoke(event []byte) (string, error) {
	select {
	case i.invocations <- event:
	case err := <-i.exited:
		return "", fmt.Errorf("function exited before the event: %w", err)
	}
	select {
	case answer := <-i.answers:
		return answer, nil
	case err := <-i.exited:
		return "", fmt.Errorf("function exited without an answer: %w", err)
	}
}

// stop kills the function and waits until it has exited. It returns the processor time that it has
// used.
func (i *instance) stop(b *testing.B) time.Duration {
	b.Helper()
	if err := i.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		b.Error(err)
	}
	<-i.exited
	i.api.Close()
	return i.cmd.ProcessState.UserTime() + i.cmd.ProcessState.SystemTime()
}

// peak returns the largest resident memory of a running function so far, in MB, or 0 where there is
// no /proc.
func (i *instance) peak() (mb float64) {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", i.cmd.Process.Pid))
	_, after, _ := strings.Cut(string(status), "VmHWM:")
	_, _ = fmt.Sscan(after, &mb)
	return mb / 1024
}

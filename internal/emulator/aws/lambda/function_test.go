package lambda_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	runtime "github.com/aws/aws-lambda-go/lambda"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/lambda"
)

// bootstrapVariable makes this test binary a function, so that the tests run real processes on
// AWS's own runtime.
const bootstrapVariable = "LAMBDA_TEST_BOOTSTRAP"

func TestMain(m *testing.M) {
	if mode := os.Getenv(bootstrapVariable); mode != "" {
		bootstrap(mode)
	}
	os.Exit(m.Run())
}

func bootstrap(mode string) {
	switch mode {
	case "exit-at-start":
		fmt.Fprintln(os.Stderr, "no configuration")
		os.Exit(3)
	case "service":
		runtime.Start(echo)
	default:
		runtime.Start(handle)
	}
}

// command is the function's payload: the action to perform.
type command struct{ Do, Text string }

func handle(ctx context.Context, c command) (string, error) {
	switch c.Do {
	case "echo":
		return c.Text, nil
	case "pid":
		return strconv.Itoa(os.Getpid()), nil
	case "env":
		return os.Getenv(c.Text), nil
	case "deadline":
		deadline, _ := ctx.Deadline()
		return time.Until(deadline).String(), nil
	case "print":
		fmt.Println(c.Text)
		return "", nil
	case "wait-for-file":
		return "", waitForFile(c.Text)
	case "exit":
		os.Exit(4)
	case "hang":
		select {}
	}
	return "", errors.New("do what?")
}

// echo prints its event, and fails or answers depending on its environment.
func echo(ctx context.Context, event json.RawMessage) (json.RawMessage, error) {
	deadline, _ := ctx.Deadline()
	fmt.Printf("got %s\nover three seconds left: %t\n", event, time.Until(deadline) > 3*time.Second)
	if os.Getenv("FAIL") != "" {
		return nil, errors.New("FAIL is set")
	}
	if answer := os.Getenv("ANSWER"); answer != "" {
		return json.RawMessage(answer), nil
	}
	return json.RawMessage("null"), nil
}

// waitForFile creates the file name.started, then waits until name is there.
func waitForFile(name string) error {
	if err := os.WriteFile(fmt.Sprintf("%s.%d", name, os.Getpid()), nil, 0o600); err != nil {
		return err
	}
	for {
		if _, err := os.Stat(name); err == nil {
			return nil
		}
		time.Sleep(time.Millisecond)
	}
}

func newFunction(t *testing.T, change func(*lambda.Config)) *lambda.Function {
	t.Helper()
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	config := lambda.Config{
		Name: "test", ARN: "arn:aws:lambda:us-east-1:000000000000:function:test", Command: []string{executable}, TaskRoot: t.TempDir(),
		Env: map[string]string{bootstrapVariable: "handler"}, Timeout: 20 * time.Second,
	}
	if change != nil {
		change(&config)
	}
	f := lambda.NewFunction(config)
	t.Cleanup(f.Close)
	return f
}

func invoke(t *testing.T, f *lambda.Function, c command) (string, error) {
	t.Helper()
	payload, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := f.Invoke(t.Context(), payload)
	return strings.Trim(string(answer), `"`), err
}

func TestInvokeReturnsTheAnswer(t *testing.T) {
	t.Parallel()
	f := newFunction(t, nil)
	got, err := invoke(t, f, command{"echo", "größe"})
	if err != nil || got != "größe" {
		t.Errorf("Invoke(echo) = %q, %v; want größe", got, err)
	}
}

func TestInstanceIsReused(t *testing.T) {
	t.Parallel()
	f := newFunction(t, nil)
	first, err := invoke(t, f, command{Do: "pid"})
	if err != nil {
		t.Fatal(err)
	}
	second, err := invoke(t, f, command{Do: "pid"})
	if err != nil || first != second {
		t.Errorf("second invocation ran in process %s (%v), want %s", second, err, first)
	}
	if got := fmt.Sprint(f.PIDs()); got != "["+first+"]" {
		t.Errorf("PIDs = %s, want %s", got, first)
	}
}

func TestHandlerErrorIsReported(t *testing.T) {
	t.Parallel()
	f := newFunction(t, nil)
	_, err := invoke(t, f, command{Do: "nothing"})
	var reported *lambda.InvocationError
	if !errors.As(err, &reported) || reported.Type != "errorString" || reported.Message != "do what?" {
		t.Errorf("Invoke = %v, want InvocationError errorString: do what?", err)
	}
	if got, err := invoke(t, f, command{"echo", "still here"}); err != nil || got != "still here" {
		t.Errorf("after an error Invoke = %q, %v", got, err)
	}
}

// TestOverrunningInstanceIsKilled, and another one answers. Its timeout is short, so on a slow
// machine it can overrun too.
func TestOverrunningInstanceIsKilled(t *testing.T) {
	t.Parallel()
	f := newFunction(t, func(c *lambda.Config) { c.Timeout = 300 * time.Millisecond })
	if _, err := invoke(t, f, command{Do: "hang"}); !errors.Is(err, lambda.ErrTimeout) {
		t.Errorf("Invoke(hang) = %v, want ErrTimeout", err)
	}
	got, err := invoke(t, f, command{"echo", "new instance"})
	for errors.Is(err, lambda.ErrTimeout) {
		got, err = invoke(t, f, command{"echo", "new instance"})
	}
	if err != nil || got != "new instance" {
		t.Errorf("after a timeout Invoke = %q, %v", got, err)
	}
}

func TestExitWithoutAnAnswerIsAnError(t *testing.T) {
	t.Parallel()
	f := newFunction(t, nil)
	if _, err := invoke(t, f, command{Do: "exit"}); !errors.Is(err, lambda.ErrExited) {
		t.Errorf("Invoke(exit) = %v, want ErrExited", err)
	}
}

// TestKillEndsTheInstanceWithThePayload and no other; the next invocation gets a new instance.
func TestKillEndsTheInstanceWithThePayload(t *testing.T) {
	t.Parallel()
	f := newFunction(t, nil)
	gate := filepath.Join(t.TempDir(), "gate")
	ended := make(chan error)
	go func() {
		_, err := invoke(t, f, command{"wait-for-file", gate})
		ended <- err
	}()
	for names := []string(nil); len(names) == 0; names, _ = filepath.Glob(gate + ".*") {
		time.Sleep(time.Millisecond)
	}
	if f.Kill(func(payload []byte) bool { return bytes.Contains(payload, []byte("another")) }) {
		t.Error("Kill = true for a payload that nobody works on")
	}
	if !f.Kill(func(payload []byte) bool { return bytes.Contains(payload, []byte(gate)) }) {
		t.Error("Kill = false for the payload in work")
	}
	if err := <-ended; !errors.Is(err, lambda.ErrExited) {
		t.Errorf("Invoke = %v, want ErrExited", err)
	}
	if f.Kill(func([]byte) bool { return true }) {
		t.Error("Kill = true for a function that is idle")
	}
	if got, err := invoke(t, f, command{"echo", "again"}); err != nil || got != "again" {
		t.Errorf("Invoke after the kill = %q, %v; want again", got, err)
	}
}

func TestFailedStartReportsTheReason(t *testing.T) {
	t.Parallel()
	var logs lines
	f := newFunction(t, func(c *lambda.Config) {
		c.Env[bootstrapVariable] = "exit-at-start"
		c.Log = logs.add
	})
	if err := f.Warm(t.Context()); !errors.Is(err, lambda.ErrExited) || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("Warm = %v, want ErrExited with exit status 3", err)
	}
	if got := logs.all(); !strings.Contains(got, "no configuration") {
		t.Errorf("log = %q, want what the function printed", got)
	}
}

func TestMissingExecutableIsAnError(t *testing.T) {
	t.Parallel()
	f := newFunction(t, func(c *lambda.Config) { c.Command[0] = filepath.Join(c.TaskRoot, "bootstrap") })
	if err := f.Warm(t.Context()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Warm = %v, want ErrNotExist", err)
	}
}

func TestEnvironmentIsTheFunctionsOwn(t *testing.T) {
	t.Setenv("STRIPE_API_KEY", "sk_live_of_the_developer")
	f := newFunction(t, func(c *lambda.Config) { c.Env["EVENT_BUS_NAME"] = "bus" })
	for name, want := range map[string]string{
		"EVENT_BUS_NAME": "bus", "STRIPE_API_KEY": "", "AWS_LAMBDA_FUNCTION_NAME": "test", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
	} {
		if got, err := invoke(t, f, command{"env", name}); err != nil || got != want {
			t.Errorf("%s = %q, %v; want %q", name, got, err, want)
		}
	}
}

func TestFunctionKnowsItsDeadline(t *testing.T) {
	t.Parallel()
	f := newFunction(t, nil)
	got, err := invoke(t, f, command{Do: "deadline"})
	left, parseErr := time.ParseDuration(got)
	if err != nil || parseErr != nil || left <= 0 || left > 20*time.Second {
		t.Errorf("time left = %q, %v; want above 0 and at most 20s", got, err)
	}
}

func TestOutputIsLoggedByLine(t *testing.T) {
	t.Parallel()
	var logs lines
	f := newFunction(t, func(c *lambda.Config) { c.Log = logs.add })
	long := strings.Repeat("x", 100<<10)
	if _, err := invoke(t, f, command{"print", "one\n" + long + "\nlast"}); err != nil {
		t.Fatal(err)
	}
	f.Close()
	got := strings.ReplaceAll(logs.all(), "\n", "")
	if want := "one" + long + "last"; got != want {
		t.Errorf("log has %d bytes, want %d", len(got), len(want))
	}
}

// TestInstancesWorkAtOnce: as many invocations as there are instances run at the same time, and no
// more.
func TestInstancesWorkAtOnce(t *testing.T) {
	t.Parallel()
	const instances = 3
	f := newFunction(t, func(c *lambda.Config) { c.Instances = instances })
	gate := filepath.Join(t.TempDir(), "gate")
	var waiting sync.WaitGroup
	for range instances + 2 {
		waiting.Go(func() {
			if _, err := invoke(t, f, command{"wait-for-file", gate}); err != nil {
				t.Error(err)
			}
		})
	}
	started := func() int {
		names, _ := filepath.Glob(gate + ".*")
		return len(names)
	}
	for started() < instances {
		time.Sleep(time.Millisecond)
	}
	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	waiting.Wait()
	if got := started(); got != instances {
		t.Errorf("%d processes worked, want %d", got, instances)
	}
}

func TestCloseEndsTheProcess(t *testing.T) {
	t.Parallel()
	f := newFunction(t, nil)
	pid, err := invoke(t, f, command{Do: "pid"})
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if _, err := os.Stat("/proc/" + pid); err == nil && isLinux() {
		t.Errorf("process %s is still there", pid)
	}
	if _, err := invoke(t, f, command{Do: "pid"}); !errors.Is(err, lambda.ErrClosed) {
		t.Errorf("Invoke after Close = %v, want ErrClosed", err)
	}
}

func isLinux() bool { _, err := os.Stat("/proc/self"); return err == nil }

// lines collects lines from several goroutines.
type lines struct {
	mu    sync.Mutex
	lines []string
}

func (l *lines) add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
}

func (l *lines) all() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "\n")
}

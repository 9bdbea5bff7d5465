package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
	"github.com/meterbridge/meterbridge/pkg/stripesig"
)

// TestMain makes this test binary the command under test and, where a runtime API is named, a function that loses what it gets.
func TestMain(m *testing.M) {
	if os.Getenv("AWS_LAMBDA_RUNTIME_API") != "" {
		lambda.Start(func(context.Context, json.RawMessage) error { return nil })
		return
	}
	testscript.Main(m, map[string]func(){"meterbridge": main})
}

func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(e *testscript.Env) error {
			e.Setenv("ROOT", root(t))
			// The functions are built by the developer's Go, with its caches.
			for _, name := range []string{"HOME", "GOPATH", "GOMODCACHE", "GOCACHE", "GOFLAGS", "GOPROXY"} {
				if value, set := os.LookupEnv(name); set {
					e.Setenv(name, value)
				}
			}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"bus": checkBus, "exits": exits},
	})
}

// exits runs a command and wants the exit status that its first argument names.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if strconv.Itoa(got) != args[0] {
		ts.Fatalf("exit status %d, want %s", got, args[0])
	}
}

func root(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// checkBus reads standard output as NDJSON and wants exactly the given pairs of source and detail type, in any order.
func checkBus(ts *testscript.TestScript, _ bool, want []string) {
	var got []string
	decoder := json.NewDecoder(strings.NewReader(ts.ReadFile("stdout")))
	for {
		var e struct {
			Source     string `json:"source"`
			DetailType string `json:"detail-type"`
			Detail     struct{ ID string }
		}
		err := decoder.Decode(&e)
		if err == io.EOF {
			break
		}
		ts.Check(err)
		if e.Detail.ID == "" {
			ts.Fatalf("an event has no id: %+v", e)
		}
		got = append(got, e.Source+":"+e.DetailType)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		ts.Fatalf("bus:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestLostEventsAreTold: with a fetcher that takes events and does nothing, --once says which are lost and fails.
func TestLostEventsAreTold(t *testing.T) {
	t.Parallel()
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile(filepath.Join(root(t), "template.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	text := strings.Replace(string(source), "CodeUri: .\n", "CodeUri: "+root(t)+"\n", 1)
	text = strings.Replace(text, "Description: Retrieves full events", "CodeUri: "+folder+"\n      Description: Loses full events", 1)
	for name, text := range map[string]string{
		"template.yaml": text, "Makefile": "build-FetcherFunction:\n\tcp '" + executable + "' $(ARTIFACTS_DIR)/bootstrap\n",
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var stdout, stderr strings.Builder
	args := []string{"local", "--once", "--listen", "127.0.0.1:0", "--template", filepath.Join(folder, "template.yaml")}
	status := run(t.Context(), args, process{env: func(string) (string, bool) { return "", false }, stdout: &stdout, stderr: &stderr})
	if status != exitFailed || !strings.Contains(stderr.String(), "4 events were lost") {
		t.Errorf("exit status %d, want %d and the lost events:\n%s", status, exitFailed, stderr.String())
	}
}

// TestRealKeyIsUsed: with STRIPE_API_KEY the functions fetch with that key, from the origin that --stripe-api names.
func TestRealKeyIsUsed(t *testing.T) {
	t.Parallel()
	authorization := make(chan string, 1)
	stripe := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		authorization <- r.Header.Get("Authorization")
		http.Error(w, "{}", http.StatusNotFound)
	}))
	t.Cleanup(stripe.Close)
	env := func(name string) (string, bool) { return "sk_test_of_the_developer", name == "STRIPE_API_KEY" }
	reader, writer := io.Pipe()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan int, 1)
	go func() {
		args := []string{"local", "--listen", "127.0.0.1:0", "--template", filepath.Join(root(t), "template.yaml"),
			"--signing-secret", "whsec_test", "--stripe-api", stripe.URL}
		ended <- run(ctx, args, process{env: env, stdout: io.Discard, stderr: writer})
		writer.Close()
	}()
	lines := bufio.NewScanner(reader)
	url := ""
	for url == "" && lines.Scan() {
		url, _ = strings.CutPrefix(strings.TrimSuffix(lines.Text(), ". Press Ctrl-C to stop."), "Listening on ")
		if !strings.HasPrefix(url, "http") {
			url = ""
		}
	}
	go io.Copy(io.Discard, reader)
	body := `{"id":"evt_1","object":"v2.core.event","type":"v2.core.event_destination.ping","created":"2026-01-02T03:04:05Z","livemode":false}`
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set(stripesig.Header, stripesig.Secret("whsec_test").Sign([]byte(body), time.Now()))
	if response, err := http.DefaultClient.Do(request); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("delivery: %v, %v", response, err)
	}
	if got, want := <-authorization, "Bearer sk_test_of_the_developer"; got != want {
		t.Errorf("Stripe was asked with %q, want %q", got, want)
	}
	stop()
	if status := <-ended; status != 0 {
		t.Errorf("exit status %d after an interrupt, want 0", status)
	}
}

// TestStoryCanNotSteerTheTerminal: ids and types are what a sender made them.
func TestStoryCanNotSteerTheTerminal(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	s := newStory(process{env: os.LookupEnv, stderr: &out}, true)
	hostile := "\x1b[2Jevt\u009b\r\n\u202e"
	for kind := activity.Building; kind <= activity.Warned; kind++ {
		s.Observe(activity.Step{Kind: kind, EventID: hostile, EventType: hostile, Source: hostile, Name: hostile, Target: hostile, Text: hostile})
	}
	s.fetched(hostile, hostile, 200)
	if i := strings.IndexFunc(out.String(), func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); i >= 0 {
		t.Errorf("the story holds %q", out.String()[i:])
	}
}

// TestInterruptEndsAll: an interrupt ends the command with status 0, and the functions' processes with it.
func TestInterruptEndsAll(t *testing.T) {
	t.Parallel()
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// testscript.Main runs the command when the test binary bears its name.
	command := filepath.Join(t.TempDir(), "meterbridge")
	if err := os.Symlink(executable, command); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), command, "local", "--listen", "127.0.0.1:0", "--template", filepath.Join(root(t), "template.yaml"))
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var story strings.Builder
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		story.WriteString(lines.Text() + "\n")
		if strings.Contains(lines.Text(), "Ctrl-C") {
			break
		}
	}
	children := childrenOf(cmd.Process.Pid)
	if len(children) < 2 {
		t.Errorf("%d processes of functions, want at least 2\n%s", len(children), story.String())
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	for lines.Scan() {
		story.WriteString(lines.Text() + "\n")
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("after an interrupt: %v, want exit status 0\n%s", err, story.String())
	}
	for _, child := range children {
		if syscall.Kill(child, 0) == nil {
			t.Errorf("process %d of a function is still there", child)
		}
	}
}

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// A running is a "meterbridge local" in this process.
type running struct {
	stop   context.CancelFunc
	status chan int

	mu    sync.Mutex
	shown strings.Builder
}

// startLocal runs "meterbridge local" on a free port, and returns when it listens.
func startLocal(t *testing.T, template string, flags ...string) *running {
	t.Helper()
	reader, writer := io.Pipe()
	ctx, stop := context.WithCancel(t.Context())
	r := &running{stop: stop, status: make(chan int, 1)}
	args := append([]string{"local", "--listen", "127.0.0.1:0", "--no-samples", "--template", template}, flags...)
	read := make(chan struct{})
	go func() {
		status := run(ctx, args, process{env: noEnv, stdout: io.Discard, stderr: writer})
		writer.Close()
		<-read
		r.status <- status
	}()
	listening := make(chan struct{})
	go func() {
		defer close(read)
		for lines := bufio.NewScanner(reader); lines.Scan(); {
			r.mu.Lock()
			r.shown.WriteString(lines.Text() + "\n")
			r.mu.Unlock()
			if strings.Contains(lines.Text(), "Ctrl-C") {
				close(listening)
			}
		}
	}()
	select {
	case <-listening:
	case status := <-r.status:
		t.Fatalf("meterbridge %s: exit status %d\n%s", strings.Join(args, " "), status, r.output())
	}
	t.Cleanup(func() { r.end(t) })
	return r
}

func (r *running) output() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.shown.String()
}

// end interrupts the command, once, and waits until it has ended.
func (r *running) end(t *testing.T) {
	t.Helper()
	if r.stop == nil {
		return
	}
	r.stop()
	r.stop = nil
	if status := <-r.status; status != 0 {
		t.Errorf("exit status %d after an interrupt\n%s", status, r.output())
	}
}

func noEnv(string) (string, bool) { return "", false }

// meterbridge runs a command in this process.
func meterbridge(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs strings.Builder
	status = run(t.Context(), args, process{env: noEnv, stdout: &out, stderr: &errs})
	return status, out.String(), errs.String()
}

func stateIn(t *testing.T, template string) (state map[string]any, mode os.FileMode) {
	t.Helper()
	path := statePath(template)
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, &state)
	}
	info, statErr := os.Stat(path)
	if err != nil || statErr != nil {
		t.Fatal(err, statErr)
	}
	return state, info.Mode().Perm()
}

// checkCounters checks what stats and logs show of 20 deliveries that were stored and a forged one. A
// function's log may be read a moment after its answer.
func checkCounters(t *testing.T, local string) {
	t.Helper()
	soon := func(what string, holds func(out string) bool, args ...string) {
		t.Helper()
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
			status, out, errs := meterbridge(t, args...)
			if status == 0 && holds(out) {
				return
			}
			if status != 0 || time.Now().After(deadline) {
				t.Errorf("%s: exit status %d\n%s%s", what, status, out, errs)
				return
			}
		}
	}
	soon("stats --json", func(out string) bool {
		return strings.Contains(out, `{"service":"webhook","name":"Stored","count":20}`) && strings.Contains(out, `"name":"SignatureInvalid","reason":"mismatch","count":1}`)
	}, "stats", local, "--json")
	soon("stats", regexp.MustCompile(`(?m)^webhook +deliveries stored +20$`).MatchString, "stats", local)
	soon("logs --trouble", func(out string) bool {
		return strings.Count(out, "\n") == 1 && strings.Contains(out, "refused")
	}, "logs", "webhook", local, "--trouble")
	if status, out, errs := meterbridge(t, "logs", local, "--match", "no such text"); status != 0 || out != "" || !strings.Contains(errs, "No such lines") {
		t.Errorf("logs --match: exit status %d\n%s%s", status, out, errs)
	}
	if status, _, errs := meterbridge(t, "logs", "Webhook", local); status != exitUsage || !strings.Contains(errs, "choose from webhook, fetcher, reconciler") {
		t.Errorf("logs of no function: exit status %d\n%s", status, errs)
	}
	for since, want := range map[string]string{"15d": "two weeks", "99d": "two weeks", "213504d": "want a value such as"} {
		if status, _, errs := meterbridge(t, "stats", local, "--since", since); status != exitUsage || !strings.Contains(errs, want) {
			t.Errorf("stats --since %s: exit status %d, want %q: %s", since, status, want, errs)
		}
	}
}

// TestOtherCommandsFindTheLocalStack, and know when it has gone.
func TestOtherCommandsFindTheLocalStack(t *testing.T) {
	t.Parallel()
	file := template(t, "")
	local := "--local=" + filepath.Dir(file)
	consumer := filepath.Join(t.TempDir(), "alerts.yaml")
	if err := os.WriteFile(consumer, []byte("Resources: {Kept: {Type: AWS::SQS::Queue}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	stack := startLocal(t, file, "--template", consumer)

	state, mode := stateIn(t, file)
	if mode != 0o600 {
		t.Errorf("mode %o, want 600", mode)
	}
	for _, member := range []string{"address", "webhook", "signing_secret", "endpoint", "region", "access_key_id", "secret_access_key", "console_key"} {
		if text, _ := state[member].(string); text == "" {
			t.Errorf("%s is %v", member, state[member])
		}
	}
	outputs, _ := state["outputs"].(map[string]any)
	if got, want := outputs["WebhookUrl"], state["webhook"]; got != want {
		t.Errorf("outputs.WebhookUrl = %v, want %v", got, want)
	}
	for name, want := range map[string]string{
		"EventBusName": `^meterbridge$`, "FetchQueueUrl": `^http://127\.0\.0\.1:\d+/\d+/`, "SigningSecretArn": `^arn:aws:secretsmanager:`,
	} {
		if got := fmt.Sprint(outputs[name]); !regexp.MustCompile(want).MatchString(got) {
			t.Errorf("outputs.%s = %s, want %s", name, got, want)
		}
	}

	resources, _ := state["resources"].(map[string]any)
	if got, ledger := resources["alerts/Kept"], resources["LedgerTable"]; got != "alerts-Kept" || ledger == nil {
		t.Errorf("resources: alerts/Kept is %v and LedgerTable %v", got, ledger)
	}

	if status, out, errs := meterbridge(t, "send", local, "--count", "20", "--json"); status != 0 || !strings.Contains(out, `"statuses":{"200":20}`) {
		t.Errorf("send: exit status %d\n%s%s", status, out, errs)
	}
	if status, _, errs := meterbridge(t, "send", local, "--forge", "--expect", "400"); status != 0 {
		t.Errorf("send --forge: exit status %d\n%s", status, errs)
	}
	checkCounters(t, local)
	if status, out, errs := meterbridge(t, "redrive", local, "--dry-run"); status != 0 || !strings.Contains(out, "letters: 0 seen") {
		t.Errorf("redrive: exit status %d\n%s%s", status, out, errs)
	}
	if status, out, errs := meterbridge(t, "replay", local, "--since", "1h", "--until", "0s", "--dry-run"); status != 0 || !regexp.MustCompile(`\b20 listed\b`).MatchString(out) {
		t.Errorf("replay: exit status %d\n%s%s", status, out, errs)
	}

	second := startLocal(t, file)
	if !strings.Contains(second.output(), "--local finds that one") {
		t.Errorf("a second stack in the folder does not say whose the file is:\n%s", second.output())
	}
	second.end(t)
	if now, _ := stateIn(t, file); now["address"] != state["address"] || now["console_key"] != state["console_key"] {
		t.Errorf("a second stack changed the file to %v", now)
	}

	stack.end(t)
	if now, mode := stateIn(t, file); len(now) != 1 || now["signing_secret"] != state["signing_secret"] || mode != 0o600 {
		t.Errorf("after the end the file is %v with mode %o", now, mode)
	}
	if status, _, errs := meterbridge(t, "send", local); status != exitUsage || !strings.Contains(errs, "no stack is running") {
		t.Errorf("send without a stack: exit status %d\n%s", status, errs)
	}
	startLocal(t, file)
	if now, _ := stateIn(t, file); now["signing_secret"] != state["signing_secret"] || now["console_key"] == state["console_key"] {
		t.Errorf("after another start the file is %v, before it was %v", now, state)
	}
}

// TestAGivenSecretIsNotKept: it belongs to somebody's Stripe account.
func TestAGivenSecretIsNotKept(t *testing.T) {
	t.Parallel()
	const given = "whsec_given_0123456789abcdef0123"
	file := template(t, "")
	startLocal(t, file, "--signing-secret", given)
	text, err := os.ReadFile(statePath(file))
	if err != nil || strings.Contains(string(text), given) {
		t.Errorf("the file is %s, %v", text, err)
	}
	state, _ := stateIn(t, file)
	if status, out, errs := meterbridge(t, "send", "--local="+filepath.Dir(file)); status != 0 {
		t.Errorf("send --local: exit status %d\n%s%s", status, out, errs)
	}
	if status, out, errs := meterbridge(t, "send", "--url", state["webhook"].(string), "--signing-secret", given); status != 0 {
		t.Errorf("send with the given secret: exit status %d\n%s%s", status, out, errs)
	}
}

// leave writes a state file as an earlier run may have left it, and returns its folder.
func leave(t *testing.T, text string) string {
	t.Helper()
	folder := t.TempDir()
	path := statePath(filepath.Join(folder, "template.yaml"))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return folder
}

func TestFilesOfNoStack(t *testing.T) {
	t.Parallel()
	const key = `"console_key": "k", "signing_secret": "whsec_0123456789abcdef01234567"`
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "another program") }))
	t.Cleanup(other.Close)
	gone := httptest.NewServer(nil)
	gone.Close()
	for _, tt := range []struct{ text, want string }{
		{`{"address": "` + gone.URL + `", ` + key + `}`, "no longer runs: nothing at " + gone.URL + " has its console_key: start it with meterbridge local"},
		{`{"address": "` + other.URL + `", ` + key + `}`, "no longer runs"},
		{`{"address": "http://192.0.2.1:1", ` + key + `}`, `local.json:1: address is not on this machine`},
		{`{"address": "file:///etc/passwd", ` + key + `}`, `local.json:1: address is not on this machine`},
		{"{\n  \"address\": 1\n}", `local.json:2: json: cannot unmarshal number`},
		{"{\n  \"address\": \"a\",\n", `local.json:3: unexpected end of JSON input`},
		{"", `local.json:1: unexpected end of JSON input`},
		{"{\n\n  \"signing_secret\": \"secret\"\n}", `local.json:3: signing_secret`},
		{`{"signing_secret": "whsec_0123456789abcdef01234567"}`, "no stack is running"},
		{strings.Repeat("x", 2<<20), "local.json: more than 1 MiB"},
	} {
		status, out, errs := meterbridge(t, "send", "--local="+leave(t, tt.text))
		if status != exitUsage || !strings.Contains(errs, tt.want) || !strings.Contains(errs, "meterbridge local") {
			t.Errorf("%.60q: exit status %d, %s%s, want %q and what to do", tt.text, status, out, errs, tt.want)
		}
	}
	if status, _, errs := meterbridge(t, "send", "--local="+t.TempDir()); status != exitUsage || !strings.Contains(errs, "no .meterbridge/local.json in") {
		t.Errorf("no file: exit status %d, %s", status, errs)
	}
}

// TestAFileThatCannotBeUsedIsReplaced with a warning: it holds nothing that cannot be made up again.
func TestAFileThatCannotBeUsedIsReplaced(t *testing.T) {
	t.Parallel()
	file := template(t, "")
	path := statePath(file)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	target := filepath.Join(t.TempDir(), "target")
	if err := os.WriteFile(target, []byte("not JSON"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
	stack := startLocal(t, file)
	if !strings.Contains(stack.output(), "local.json:1: ") || !strings.Contains(stack.output(), "with a new signing secret") {
		t.Errorf("no warning:\n%s", stack.output())
	}
	if state, mode := stateIn(t, file); state["address"] == "" || mode != 0o600 {
		t.Errorf("state %v with mode %o", state, mode)
	}
	if text, err := os.ReadFile(target); err != nil || string(text) != "not JSON" {
		t.Errorf("a link was followed: %q, %v", text, err)
	}
}

// TestFolderThatCannotBeSearched is not one without a file.
func TestFolderThatCannotBeSearched(t *testing.T) {
	t.Parallel()
	folder := strings.Repeat("x", 300) // longer than a name can be
	if _, err := searchState(folder); err == nil || strings.Contains(err.Error(), "no .meterbridge/local.json") {
		t.Errorf("error %v, want that of the file system", err)
	}
}

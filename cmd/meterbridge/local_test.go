package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/meterbridge/meterbridge/pkg/stripesig"
)

// With a fetcher that accepts events and does nothing, --once names the lost events and fails.
func TestOnceFailsWhenEventsAreLost(t *testing.T) {
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

// The emulator reports the busy address; the command adds the flag that changes it.
func TestBusyPortNamesTheFlag(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	var stderr strings.Builder
	args := []string{"local", "--listen", listener.Addr().String(), "--template", filepath.Join(root(t), "template.yaml")}
	status := run(t.Context(), args, process{env: func(string) (string, bool) { return "", false }, stdout: io.Discard, stderr: &stderr})
	if status != exitUsage || !strings.Contains(stderr.String(), "choose another address with --listen") {
		t.Errorf("exit status %d, want %d and a hint at --listen:\n%s", status, exitUsage, stderr.String())
	}
}

// With STRIPE_API_KEY the functions fetch with that key, from the origin that --stripe-api names.
func TestFunctionsFetchWithTheGivenKey(t *testing.T) {
	t.Parallel()
	authorization := make(chan string, 1)
	stripe := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		authorization <- r.Header.Get("Authorization")
		http.Error(w, "{}", http.StatusNotFound)
	}))
	t.Cleanup(stripe.Close)
	env := func(name string) (string, bool) { return "sk_test_of_the_developer", name == "STRIPE_API_KEY" }
	file := template(t, "")
	reader, writer := io.Pipe()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan int, 1)
	go func() {
		args := []string{"local", "--listen", "127.0.0.1:0", "--template", file,
			"--signing-secret", "whsec_test_0123456789abcdef0123", "--stripe-api", stripe.URL}
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
	request.Header.Set(stripesig.Header, stripesig.Secret("whsec_test_0123456789abcdef0123").Sign([]byte(body), time.Now()))
	if response, err := http.DefaultClient.Do(request); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("delivery: %v, %v", response, err)
	}
	if got, want := <-authorization, "Bearer sk_test_of_the_developer"; got != want {
		t.Errorf("the fetcher authenticated with %q, want %q", got, want)
	}
	stop()
	if status := <-ended; status != 0 {
		t.Errorf("exit status %d after an interrupt, want 0", status)
	}
}

// An interrupt ends the command with status 0, and the functions' processes with it.
func TestInterruptEndsTheFunctions(t *testing.T) {
	t.Parallel()
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// testscript.Main runs the command when the test binary has that name.
	command := filepath.Join(t.TempDir(), "meterbridge")
	if err := os.Symlink(executable, command); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), command, "local", "--listen", "127.0.0.1:0", "--template", template(t, ""))
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var output strings.Builder
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		output.WriteString(lines.Text() + "\n")
		if strings.Contains(lines.Text(), "Ctrl-C") {
			break
		}
	}
	children := childrenOf(cmd.Process.Pid)
	if len(children) < 2 {
		t.Errorf("%d processes of functions, want at least 2\n%s", len(children), output.String())
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	for lines.Scan() {
		output.WriteString(lines.Text() + "\n")
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("after an interrupt: %v, want exit status 0\n%s", err, output.String())
	}
	for _, child := range children {
		if syscall.Kill(child, 0) == nil {
			t.Errorf("process %d of a function is still running", child)
		}
	}
}

// childrenOf returns the ids of a process's children, from /proc if it exists, otherwise from ps.
func childrenOf(parent int) []int {
	table := processTable()
	var children []int
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		if len(fields) != 2 || fields[0] != strconv.Itoa(parent) {
			continue
		}
		if child, err := strconv.Atoi(fields[1]); err == nil {
			children = append(children, child)
		}
	}
	return children
}

// processTable returns a line for each process: its parent's id and its own.
func processTable() string {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil || len(stats) == 0 {
		output, _ := exec.Command("ps", "-A", "-o", "ppid=,pid=").Output()
		return string(output)
	}
	var table strings.Builder
	for _, name := range stats {
		stat, err := os.ReadFile(name)
		if err != nil {
			continue // the process has ended
		}
		_, rest, _ := strings.Cut(string(stat), ") ") // a command's name may contain spaces
		if fields := strings.Fields(rest); len(fields) > 1 {
			fmt.Fprintln(&table, fields[1], filepath.Base(filepath.Dir(name)))
		}
	}
	return table.String()
}

package main

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
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
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"bus": checkBus},
	})
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

package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain makes this test binary the command under test and, if a Lambda Runtime API is set, a
// function that ignores its events, or fails on each with the text in FAIL.
func TestMain(m *testing.M) {
	if os.Getenv("AWS_LAMBDA_RUNTIME_API") != "" {
		lambda.Start(func(context.Context, json.RawMessage) error {
			if text := os.Getenv("FAIL"); text != "" {
				return errors.New(text)
			}
			return nil
		})
		return
	}
	// Most tests wait for other processes, and for queues that answer after a second.
	if err := flag.Set("test.parallel", strconv.Itoa(3*runtime.GOMAXPROCS(0))); err != nil {
		panic(err)
	}
	testscript.Main(m, map[string]func(){"meterbridge": main})
}

func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(e *testscript.Env) error {
			e.Setenv("ROOT", root(t))
			// The functions are built with the developer's Go and its caches.
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

// exits runs a command and fails unless its exit status is the first argument.
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

// checkBus reads standard output as a JSON event on each line and fails unless their sources and
// detail types are the given ones, in any order.
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

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"
)

type command struct {
	dir   string
	env   []string // added to the environment of this process
	stdin []byte

	without []string // prefixes of variables of this process that the program does not get
}

// output runs the program and returns its output. An error has the last lines of both streams.
func (c command) output(ctx context.Context, program string, arguments ...string) ([]byte, error) {
	cmd := c.prepare(ctx, program, arguments)
	var out, all bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &all
	if err := cmd.Run(); err != nil {
		return out.Bytes(), fmt.Errorf("%s %s: %w\n%s", program, strings.Join(arguments[:min(1, len(arguments))], ""), err, tail(out.String()+all.String(), 30))
	}
	return out.Bytes(), nil
}

// combined runs the program and returns both of its output streams, also if it fails.
func (c command) combined(ctx context.Context, program string, arguments ...string) ([]byte, error) {
	return c.prepare(ctx, program, arguments).CombinedOutput()
}

func (c command) prepare(ctx context.Context, program string, arguments []string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, arguments...)
	environment := slices.DeleteFunc(os.Environ(), func(variable string) bool {
		return slices.ContainsFunc(c.without, func(prefix string) bool { return strings.HasPrefix(variable, prefix) })
	})
	cmd.Dir, cmd.Env = c.dir, append(environment, c.env...)
	cmd.Stdin = bytes.NewReader(c.stdin)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

func tail(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

type daemon struct {
	cmd    *exec.Cmd
	log    *os.File
	exited chan error
}

// startDaemon starts a program with exactly that environment, in its own process group.
func startDaemon(logFile string, env []string, program string, arguments ...string) (*daemon, error) {
	log, err := os.Create(logFile)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(program, arguments...)
	cmd.Env, cmd.Stdout, cmd.Stderr = env, log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		log.Close()
		return nil, err
	}
	d := &daemon{cmd: cmd, log: log, exited: make(chan error, 1)}
	go func() { d.exited <- cmd.Wait() }()
	return d, nil
}

// stop terminates the program and its children, and kills them after 3 seconds.
func (d *daemon) stop() {
	defer d.log.Close()
	syscall.Kill(-d.cmd.Process.Pid, syscall.SIGTERM)
	select {
	case <-d.exited:
	case <-time.After(3 * time.Second):
	}
	syscall.Kill(-d.cmd.Process.Pid, syscall.SIGKILL)
}

func (d *daemon) logTail(n int) string {
	text, err := os.ReadFile(d.log.Name())
	if err != nil {
		return err.Error()
	}
	return tail(string(text), n)
}

func (d *daemon) exitError(err error, problem string) error {
	d.exited <- err // for stop
	return fmt.Errorf("%s: %w\n%s", problem, errors.Join(err, errExited), d.logTail(20))
}

var errExited = errors.New("the program has exited")

// waitForHTTP waits up to a minute until the program answers at a URL, with any status.
func (d *daemon) waitForHTTP(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		if response, err := http.DefaultClient.Do(request); err == nil {
			return response.Body.Close()
		}
		select {
		case <-tick.C:
		case err := <-d.exited:
			return d.exitError(err, d.cmd.Path)
		case <-ctx.Done():
			return fmt.Errorf("%s does not answer: %w\n%s", d.cmd.Path, ctx.Err(), d.logTail(20))
		}
	}
}

func freeAddress() (string, error) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	return listener.Addr().String(), nil
}

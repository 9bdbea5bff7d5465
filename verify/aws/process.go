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
	"strings"
	"syscall"
	"time"
)

// command is a program to run to its end.
type command struct {
	dir   string
	env   []string // beside the driver's own
	stdin []byte
}

// output runs the program. Its error carries the end of what the program said on either stream.
func (c command) output(ctx context.Context, program string, arguments ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, program, arguments...)
	cmd.Dir, cmd.Env = c.dir, append(os.Environ(), c.env...)
	cmd.Stdin = bytes.NewReader(c.stdin)
	var out, all bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &all
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Run(); err != nil {
		return out.Bytes(), fmt.Errorf("%s %s: %w\n%s", program, firstOf(arguments), err, tail(out.String()+all.String(), 30))
	}
	return out.Bytes(), nil
}

func firstOf(arguments []string) string {
	if len(arguments) == 0 {
		return ""
	}
	return arguments[0]
}

// tail returns the last lines of a text.
func tail(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// daemon is a program that runs until it is stopped.
type daemon struct {
	cmd  *exec.Cmd
	log  *os.File
	done chan error
}

// startDaemon starts a program with exactly the environment given, in a process group of its own.
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
	d := &daemon{cmd: cmd, log: log, done: make(chan error, 1)}
	go func() { d.done <- cmd.Wait() }()
	return d, nil
}

// stop asks the program and its children to end, and ends them after some seconds.
func (d *daemon) stop() {
	defer d.log.Close()
	syscall.Kill(-d.cmd.Process.Pid, syscall.SIGTERM)
	select {
	case <-d.done:
	case <-time.After(3 * time.Second):
	}
	syscall.Kill(-d.cmd.Process.Pid, syscall.SIGKILL)
}

// said returns what the program has printed.
func (d *daemon) said() string {
	text, err := os.ReadFile(d.log.Name())
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// answers waits until the program answers HTTP at a URL, whatever it answers.
func (d *daemon) answers(ctx context.Context, url string) error {
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
		case err := <-d.done:
			d.done <- err
			return fmt.Errorf("%s ended: %w\n%s", d.cmd.Path, errors.Join(err, errEnded), tail(d.said(), 20))
		case <-ctx.Done():
			return fmt.Errorf("%s does not answer: %w\n%s", d.cmd.Path, ctx.Err(), tail(d.said(), 20))
		}
	}
}

var errEnded = errors.New("it should have stayed")

// freeAddress returns a loopback address on which nothing listens.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	return listener.Addr().String(), nil
}

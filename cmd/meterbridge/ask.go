package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

var (
	// errNoAnswer means that a question was asked and nobody answered.
	errNoAnswer = errors.New("no answer: standard input has ended")
	// errLongAnswer means that an answer is longer than any that is asked for.
	errLongAnswer = errors.New("the answer is longer than 64 KiB")
	// errDeclined means that the answer to a question was no.
	errDeclined = &failure{"nothing was changed"}
	// errInterrupted means that Ctrl-C was the answer.
	errInterrupted = &failure{"interrupted: nothing was changed"}
)

// confirm asks a question unless yes is set. Questions are on standard error, so that standard
// output has only results.
func (p process) confirm(ctx context.Context, question string, yes bool) error {
	if yes {
		return nil
	}
	fmt.Fprintf(p.stderr, "%s [y/N] ", printable(question))
	answer, err := interruptible(ctx, p.readLine)
	if errors.Is(err, errNoAnswer) {
		return fmt.Errorf("%w: to go on without a question, use --yes", err)
	}
	if err != nil {
		return err
	}
	if answer = strings.ToLower(strings.TrimSpace(answer)); answer != "y" && answer != "yes" {
		return errDeclined
	}
	return nil
}

// askSecret asks for a text that is not shown while it is typed. From a pipe it reads a line.
func (p process) askSecret(ctx context.Context, question string) (string, error) {
	fmt.Fprintf(p.stderr, "%s: ", printable(question))
	defer fmt.Fprintln(p.stderr)
	read := p.readLine
	if file, ok := p.stdin.(*os.File); ok && isTerminal(file) {
		fd := int(file.Fd())
		before, err := term.GetState(fd)
		if err != nil {
			return "", err
		}
		defer term.Restore(fd, before) // an interrupt would leave it without echo
		read = func() (string, error) {
			text, err := term.ReadPassword(fd)
			return string(text), err
		}
	}
	text, err := interruptible(ctx, read)
	return strings.TrimSpace(text), err
}

// interruptible waits for an answer or the end of ctx. After the latter, read goes on until the
// process ends.
func interruptible(ctx context.Context, read func() (string, error)) (string, error) {
	type answer struct {
		text string
		err  error
	}
	answered := make(chan answer, 1)
	go func() {
		text, err := read()
		answered <- answer{text, err}
	}()
	select {
	case a := <-answered:
		return a.text, a.err
	case <-ctx.Done():
		return "", errInterrupted
	}
}

// readLine reads one line of standard input, and nothing after it: a later question reads the next.
func (p process) readLine() (string, error) {
	const most = 64 << 10
	var line []byte
	for one := make([]byte, 1); p.stdin != nil; {
		n, err := p.stdin.Read(one)
		if n == 1 && one[0] == '\n' {
			return string(line), nil
		}
		line = append(line, one[:n]...)
		switch {
		case len(line) > most:
			return "", errLongAnswer
		case errors.Is(err, io.EOF) && len(line) > 0:
			return string(line), nil
		case errors.Is(err, io.EOF):
			return "", errNoAnswer
		case err != nil:
			return "", err
		}
	}
	return "", errNoAnswer
}

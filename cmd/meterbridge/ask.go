package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// errNoAnswer means that a question was asked and nobody answered.
var errNoAnswer = errors.New("no answer: standard input has ended")

// errDeclined means that the answer to a question was no.
var errDeclined = &failure{"nothing was changed"}

// confirm asks a question unless yes is set. Questions are on standard error, so that standard
// output has only results.
func (p process) confirm(question string, yes bool) error {
	if yes {
		return nil
	}
	fmt.Fprintf(p.stderr, "%s [y/N] ", printable(question))
	answer, err := p.readLine()
	if err != nil {
		return fmt.Errorf("%w: to go on without a question, use --yes", err)
	}
	if answer = strings.ToLower(strings.TrimSpace(answer)); answer != "y" && answer != "yes" {
		return errDeclined
	}
	return nil
}

// askSecret asks for a text that is not shown while it is typed. From a pipe it reads a line.
func (p process) askSecret(question string) (string, error) {
	fmt.Fprintf(p.stderr, "%s: ", printable(question))
	if file, ok := p.stdin.(*os.File); ok && isTerminal(file) {
		text, err := term.ReadPassword(int(file.Fd()))
		fmt.Fprintln(p.stderr)
		return strings.TrimSpace(string(text)), err
	}
	text, err := p.readLine()
	fmt.Fprintln(p.stderr)
	return strings.TrimSpace(text), err
}

// readLine reads one line of standard input, and nothing after it: a later question reads the next.
func (p process) readLine() (string, error) {
	const most = 64 << 10
	var line []byte
	for one := make([]byte, 1); p.stdin != nil && len(line) < most; {
		n, err := p.stdin.Read(one)
		if n == 1 && one[0] == '\n' {
			return string(line), nil
		}
		line = append(line, one[:n]...)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return "", err
		}
	}
	if len(line) == 0 {
		return "", errNoAnswer
	}
	return string(line), nil
}

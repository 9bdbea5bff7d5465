package main

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestAnswersAreLines(t *testing.T) {
	t.Parallel()
	p := process{stdin: strings.NewReader("first\nsecond\r\nlast"), stderr: io.Discard}
	for _, want := range []string{"first", "second", "last"} {
		if got, err := p.askSecret(t.Context(), "question"); got != want || err != nil {
			t.Errorf("answer %q (%v), want %q", got, err, want)
		}
	}
	if _, err := p.askSecret(t.Context(), "question"); !errors.Is(err, errNoAnswer) {
		t.Errorf("error %v, want %v", err, errNoAnswer)
	}
	// An answer that is too long is refused, and not cut.
	p.stdin = strings.NewReader(strings.Repeat("x", 64<<10+1) + "\n")
	if got, err := p.askSecret(t.Context(), "question"); !errors.Is(err, errLongAnswer) {
		t.Errorf("an answer of %d characters (%v), want %v", len(got), err, errLongAnswer)
	}
}

// TestQuestionsCanBeInterrupted, although nobody answers.
func TestQuestionsCanBeInterrupted(t *testing.T) {
	t.Parallel()
	reader, _ := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p := process{stdin: reader, stderr: io.Discard}
	if err := p.confirm(ctx, "question", false); !errors.Is(err, errInterrupted) {
		t.Errorf("confirm: %v, want %v", err, errInterrupted)
	}
	if _, err := p.askSecret(ctx, "question"); !errors.Is(err, errInterrupted) {
		t.Errorf("askSecret: %v, want %v", err, errInterrupted)
	}
}

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"

	"github.com/schollz/progressbar/v3"
)

// terminal returns the standard error of p if a progress bar can be drawn there, and nil otherwise.
func terminal(p process) io.Writer {
	if file, ok := p.stderr.(*os.File); ok && isTerminal(file) {
		return file
	}
	return nil
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// bar is a progress bar on a terminal. A nil bar does nothing; drawing errors are ignored.
type bar struct{ drawn *progressbar.ProgressBar }

// newBar returns a bar of total steps, or nil without a screen or anything to count.
func newBar(screen io.Writer, total int, unit string) *bar {
	if screen == nil || total <= 0 {
		return nil
	}
	return &bar{progressbar.NewOptions(total,
		progressbar.OptionSetWriter(screen), progressbar.OptionSetDescription(unit), progressbar.OptionShowCount(),
		progressbar.OptionSetPredictTime(true), progressbar.OptionFullWidth(), progressbar.OptionClearOnFinish(),
	)}
}

func (b *bar) add(n int) {
	if b != nil {
		_ = b.drawn.Add(n)
	}
}

// set moves the bar to n steps and changes the text beside it.
func (b *bar) set(n int, description string) {
	if b != nil {
		b.drawn.Describe(description)
		_ = b.drawn.Set(n)
	}
}

// clear removes the bar, so that a line can be printed in its place. The next step draws it again.
func (b *bar) clear() {
	if b != nil {
		_ = b.drawn.Clear()
	}
}

func (b *bar) finish() {
	if b != nil {
		_ = b.drawn.Finish()
	}
}

// report prints what becomes of each item: JSON for scripts, otherwise a line, or a bar.
type report struct {
	out  io.Writer
	json bool
	bar  *bar
}

func (r *report) item(object any, line string) {
	r.bar.clear()
	if r.json {
		writeJSON(r.out, object)
	} else {
		fmt.Fprintln(r.out, printable(line))
	}
}

func (r *report) end(counts any, line string) {
	r.bar.finish()
	if r.json {
		writeJSON(r.out, map[string]any{"counts": counts})
	} else {
		fmt.Fprintln(r.out, line)
	}
}

// writeJSON writes v as one line. Errors are ignored: they mean that the reader is gone.
func writeJSON(w io.Writer, v any) {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(v)
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// printable replaces control characters, because whoever sends an event chooses id and type.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
}

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

// newBar returns a bar of total steps, or nil if there is no screen or nothing to count. Its errors
// are ignored: a bar that cannot be drawn is no reason to stop.
func newBar(screen io.Writer, total int, unit string) *progressbar.ProgressBar {
	if screen == nil || total <= 0 {
		return nil
	}
	return progressbar.NewOptions(total,
		progressbar.OptionSetWriter(screen), progressbar.OptionSetDescription(unit), progressbar.OptionShowCount(),
		progressbar.OptionSetPredictTime(true), progressbar.OptionFullWidth(), progressbar.OptionClearOnFinish(),
	)
}

// report prints the result for each item: JSON for scripts, otherwise a line or a progress bar.
type report struct {
	out  io.Writer
	json bool
	bar  *progressbar.ProgressBar // nil: none
}

func (r *report) item(object any, line string) {
	if r.bar != nil {
		_ = r.bar.Clear() // the next step draws it again
	}
	if r.json {
		writeJSON(r.out, object)
	} else {
		fmt.Fprintln(r.out, printable(line))
	}
}

func (r *report) end(counts any, line string) {
	if r.bar != nil {
		_ = r.bar.Finish()
	}
	if r.json {
		writeJSON(r.out, map[string]any{"counts": counts})
	} else {
		fmt.Fprintln(r.out, line)
	}
}

// writeJSON writes v as one line. Errors are ignored: they mean that the reader has closed the
// output.
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

// printable replaces control characters, because the sender of an event chooses its id and type.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
}

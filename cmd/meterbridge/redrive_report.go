package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/meterbridge/meterbridge/internal/redrive"
)

// redriveReport tells what becomes of letters: in JSON for scripts, by a bar to people at a terminal, by lines otherwise.
// A dry run always lists its letters.
type redriveReport struct {
	out    io.Writer
	bar    *progressbar.ProgressBar
	screen io.Writer // the terminal that takes a bar, or nil
	json   bool
	dryRun bool
}

func newRedriveReport(p process, flags redriveFlags) *redriveReport {
	r := &redriveReport{out: p.stdout, json: flags.json, dryRun: flags.opts.DryRun}
	if file, ok := p.stderr.(*os.File); ok && !r.dryRun && isTerminal(file) {
		r.screen = file
	}
	return r
}

func (r *redriveReport) wantsTotal() bool { return r.screen != nil }

// expect makes a bar for so many letters.
func (r *redriveReport) expect(total int) {
	if total > 0 {
		r.bar = newBar(r.screen, total, "letters")
	}
}

func newBar(screen io.Writer, total int, what string) *progressbar.ProgressBar {
	return progressbar.NewOptions(total,
		progressbar.OptionSetWriter(screen), progressbar.OptionSetDescription(what), progressbar.OptionShowCount(),
		progressbar.OptionSetPredictTime(true), progressbar.OptionFullWidth(), progressbar.OptionClearOnFinish(),
	)
}

// letter tells of one letter. Those that no flag chose are not worth a line, and nor, beside a bar, is a success.
func (r *redriveReport) letter(l redrive.Letter, outcome redrive.Outcome, err error) {
	if outcome != redrive.Skipped && (r.json || r.bar == nil || outcome != redrive.Redriven) {
		clearBar(r.bar)
		r.tell(l, outcome, err)
	}
	if r.bar != nil {
		r.bar.Add(1) // a bar that cannot be drawn is no reason to stop
	}
}

// clearBar takes a bar, if there is one, away where a line is to be. It comes back with its next step.
func clearBar(bar *progressbar.ProgressBar) {
	if bar != nil {
		bar.Clear()
	}
}

func (r *redriveReport) tell(l redrive.Letter, outcome redrive.Outcome, err error) {
	if !r.json {
		fmt.Fprintln(r.out, letterLine(l, outcome, err))
		return
	}
	writeJSON(r.out, struct {
		Outcome redrive.Outcome `json:"outcome"`
		redrive.Letter
		Error string `json:"error,omitempty"`
	}{outcome, l, errorText(err)})
}

// writeJSON writes a value as one line. A reader that has gone needs no more.
func writeJSON(w io.Writer, v any) {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.Encode(v)
}

func letterLine(l redrive.Letter, outcome redrive.Outcome, err error) string {
	line := fmt.Sprintf("%-8s  %s  %s  %s", outcome, cmp.Or(l.EventID, "(no event)"), cmp.Or(l.Type, "(no type)"), l.Reason)
	if l.Attempts > 0 {
		line += fmt.Sprintf("  after %d attempts", l.Attempts)
	}
	if !l.FirstSeen.IsZero() {
		line += "  since " + l.FirstSeen.UTC().Format(time.RFC3339)
	}
	if text := cmp.Or(errorText(err), l.LastError); text != "" {
		line += ": " + text
	}
	return printable(line)
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// end prints the counts.
func (r *redriveReport) end(c redrive.Counts) {
	if r.bar != nil {
		r.bar.Finish()
	}
	if r.json {
		writeJSON(r.out, struct {
			Counts redrive.Counts `json:"counts"`
		}{c})
		return
	}
	fmt.Fprintln(r.out, countsLine(c, r.dryRun))
}

func countsLine(c redrive.Counts, dryRun bool) string {
	line := fmt.Sprintf("letters: %d looked at, %d brought back", c.Seen, c.Redriven)
	if dryRun {
		line = fmt.Sprintf("letters: %d looked at, %d would be brought back", c.Seen, c.Matched)
	}
	for _, part := range []struct {
		n    int
		text string
	}{
		{c.Skipped, "left"},
		{c.Failed, "failed"},
		{c.Returned, "failed again and left"},
		{c.Undeleted, "brought back but not deleted"},
	} {
		if part.n > 0 {
			line += fmt.Sprintf(", %d %s", part.n, part.text)
		}
	}
	return line
}

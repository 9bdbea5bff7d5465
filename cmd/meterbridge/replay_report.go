package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/meterbridge/meterbridge/internal/replay"
	"github.com/meterbridge/meterbridge/pkg/v2events"
)

// replayReport tells of missing events: a JSON object for each for scripts, a line for each to people. At a terminal a bar
// shows how far the work has come in time; a dry run there shows its lines alone.
type replayReport struct {
	out    io.Writer
	json   bool
	dryRun bool
	from   time.Time
	bar    *progressbar.ProgressBar // nil if there is none; its unit is seconds
}

func newReplayReport(p process, flags replayFlags) *replayReport {
	r := &replayReport{out: p.stdout, json: flags.json, dryRun: flags.opts.DryRun, from: flags.opts.From}
	if file, ok := p.stderr.(*os.File); ok && !r.dryRun && isTerminal(file) {
		r.bar = newBar(file, int(flags.opts.To.Sub(r.from).Seconds()), "listing")
	}
	return r
}

func (r *replayReport) reached(at time.Time) {
	if r.bar != nil {
		r.bar.Describe("up to " + at.UTC().Format(time.DateTime))
		r.bar.Set(int(at.Sub(r.from).Seconds())) // a bar that cannot be drawn is no reason to stop
	}
}

func (r *replayReport) event(e *v2events.Event, outcome replay.Outcome, err error) {
	clearBar(r.bar)
	if r.json {
		writeJSON(r.out, struct {
			Outcome replay.Outcome `json:"outcome"`
			EventID string         `json:"event_id"`
			Type    string         `json:"type"`
			Context string         `json:"context,omitempty"`
			Created time.Time      `json:"created"`
			Error   string         `json:"error,omitempty"`
		}{outcome, e.ID, e.Type, e.Context, e.Created, errorText(err)})
		return
	}
	line := fmt.Sprintf("%-8s  %s  %s  of %s", outcome, e.ID, e.Type, e.Created.UTC().Format(time.RFC3339))
	if e.Context != "" {
		line += "  in " + e.Context
	}
	if err != nil {
		line += ": " + err.Error()
	}
	fmt.Fprintln(r.out, printable(line))
}

func (r *replayReport) end(c replay.Counts) {
	if r.bar != nil {
		r.bar.Finish()
	}
	if r.json {
		writeJSON(r.out, struct {
			Counts replay.Counts `json:"counts"`
		}{c})
		return
	}
	line := fmt.Sprintf("events: %d listed, %d missing, %d put on the bus", c.Listed, c.Missing, c.Put)
	if r.dryRun {
		line = fmt.Sprintf("events: %d listed, %d missing", c.Listed, c.Missing)
	}
	if c.Refused > 0 {
		line += fmt.Sprintf(", %d refused", c.Refused)
	}
	fmt.Fprintln(r.out, line)
}

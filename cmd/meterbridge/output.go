package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
)

// outputFlags are the flags of "meterbridge local" that choose what is shown, and in which form.
type outputFlags struct {
	output         string
	quiet, verbose bool
	logs           []string
}

// The values of --output.
const (
	outputStory = "story"
	outputJSON  = "json"
)

func (f *outputFlags) add(command *cobra.Command) {
	flags := command.Flags()
	flags.StringVar(&f.output, "output", outputStory, "story, on standard error, or json: an object for each step on standard output")
	flags.BoolVarP(&f.quiet, "quiet", "q", false, "show only warnings, failures and the account at the end")
	flags.StringArrayVar(&f.logs, "logs", nil, "show the log of this function; may be repeated")
	flags.BoolVarP(&f.verbose, "verbose", "v", false, "show the logs of all functions")
	command.MarkFlagsMutuallyExclusive("quiet", "verbose")
	command.MarkFlagsMutuallyExclusive("quiet", "logs")
}

func (f *outputFlags) check() error {
	if f.output != outputStory && f.output != outputJSON {
		return fmt.Errorf("--output %s: want %s or %s", f.output, outputStory, outputJSON)
	}
	return nil
}

// checkLogs returns an error if --logs names a function that does not exist.
func (f *outputFlags) checkLogs(functions []string) error {
	for _, name := range f.logs {
		if !slices.ContainsFunc(functions, func(id string) bool { return id == name || short(id) == name }) {
			return fmt.Errorf("--logs %s: no such function: choose from %s", name, strings.Join(functions, ", "))
		}
	}
	return nil
}

// terminal returns the standard error of p if a progress bar can be drawn there, and nil otherwise.
func terminal(p process) io.Writer {
	file, ok := p.stderr.(*os.File)
	if term, _ := p.env("TERM"); !ok || !isTerminal(file) || term == "" || term == "dumb" {
		return nil
	}
	return file
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

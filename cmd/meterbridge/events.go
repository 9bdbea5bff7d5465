package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
)

// eventWriter writes every event put on the bus as one line of JSON, to each of its outputs.
type eventWriter struct {
	mu      sync.Mutex
	outputs []*bufio.Writer
	file    *os.File // nil when there is none
	err     error
}

// openEvents opens what the flags ask for: a file, standard output, both or nothing. What a file holds stays there until
// begin, for there may be no new events to put in its place.
func openEvents(p process, flags localFlags) (*eventWriter, error) {
	w := &eventWriter{}
	if flags.once || flags.events == "-" {
		w.outputs = append(w.outputs, bufio.NewWriter(p.stdout))
	}
	if flags.events == "" || flags.events == "-" {
		return w, nil
	}
	file, err := os.OpenFile(flags.events, os.O_WRONLY|os.O_CREATE, 0o666)
	if err != nil {
		return nil, fmt.Errorf("--events: %w", err)
	}
	w.outputs, w.file = append(w.outputs, bufio.NewWriter(file)), file
	return w, nil
}

// begin empties a regular file, since events will now be written to it.
func (w *eventWriter) begin() error {
	if w.file == nil {
		return nil
	}
	info, err := w.file.Stat()
	if err == nil && info.Mode().IsRegular() {
		err = w.file.Truncate(0)
	}
	if err != nil {
		return fmt.Errorf("--events: %w", err)
	}
	return nil
}

// Observe implements local.Observer. Each line is flushed, so that a reader can follow.
func (w *eventWriter) Observe(s activity.Step) {
	if s.Kind != activity.Put {
		return
	}
	var line bytes.Buffer
	err := json.Compact(&line, s.Envelope)
	line.WriteByte('\n')
	w.mu.Lock()
	defer w.mu.Unlock()
	w.err = errors.Join(w.err, err)
	for _, output := range w.outputs {
		_, err := output.Write(line.Bytes())
		if w.err == nil {
			w.err = errors.Join(err, output.Flush())
		}
	}
}

// close closes the file, if it is open, and returns the errors of all the writing.
func (w *eventWriter) close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.file != nil {
		w.err = errors.Join(w.err, w.file.Close())
		w.file = nil
	}
	if w.err != nil {
		return &failure{fmt.Sprintf("write events: %v", w.err)}
	}
	return nil
}

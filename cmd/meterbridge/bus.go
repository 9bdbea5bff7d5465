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

// busWriter writes each event that is put on the bus as a line of JSON, to each of its outputs.
type busWriter struct {
	mu      sync.Mutex
	outputs []*bufio.Writer
	file    *os.File // nil if there is none
	err     error
}

// openBusWriter opens the outputs that the flags ask for: a file, standard output, both or neither.
// With --once they go to standard output, unless that would mix them with the story. The file keeps its content until truncate, because the stack may still fail to start.
func openBusWriter(p process, flags localFlags) (*busWriter, error) {
	w := &busWriter{}
	if flags.events == "-" || flags.once && flags.output != outputJSON && !onOneTerminal(p) {
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

// truncate empties the file, if it is a regular one.
func (w *busWriter) truncate() error {
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

// Observe implements [activity.Observer]. It flushes each line, so that a reader gets it at once.
func (w *busWriter) Observe(s activity.Step) {
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

// close closes the file, if it is open, and returns the errors of all writes.
func (w *busWriter) close() error {
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

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/meterbridge/meterbridge/internal/local"
)

// eventWriter writes every event put on the bus as one line of JSON, to each of its outputs.
type eventWriter struct {
	mu      sync.Mutex
	outputs []*bufio.Writer
	files   []io.Closer
	err     error
}

// openEvents opens what the flags ask for: a file, standard output, both or nothing.
func openEvents(p process, flags localFlags) (*eventWriter, error) {
	w := &eventWriter{}
	if flags.once || flags.events == "-" {
		w.outputs = append(w.outputs, bufio.NewWriter(p.stdout))
	}
	if flags.events == "" || flags.events == "-" {
		return w, nil
	}
	file, err := os.Create(flags.events)
	if err != nil {
		return nil, fmt.Errorf("--events: %w", err)
	}
	w.outputs, w.files = append(w.outputs, bufio.NewWriter(file)), append(w.files, file)
	return w, nil
}

// Observe implements local.Observer. Each line is flushed, so that a reader can follow.
func (w *eventWriter) Observe(s local.Step) {
	if s.Kind != local.Put {
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

// close closes the files and returns the first error of all the writing.
func (w *eventWriter) close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, file := range w.files {
		w.err = errors.Join(w.err, file.Close())
	}
	w.files = nil
	if w.err != nil {
		return fmt.Errorf("write events: %w", w.err)
	}
	return nil
}

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"runtime"
)

// emulator is AWS's Runtime Interface Emulator with one of our functions in it. It works on one invocation at a time.
type emulator struct {
	*daemon
	url string
}

// startEmulator builds a function for this machine as SAM would, and starts it as it has been deployed.
func (w *workshop) startEmulator(ctx context.Context, function string) (*emulator, error) {
	folder := w.temporary("native", function)
	_, err := command{}.output(ctx, "make", "--silent", "--directory", w.root, "build-"+function, "ARTIFACTS_DIR="+folder, "GOOS=linux", "GOARCH="+runtime.GOARCH)
	if err != nil {
		return nil, err
	}
	front, err := freeAddress()
	if err != nil {
		return nil, err
	}
	back, err := freeAddress()
	if err != nil {
		return nil, err
	}
	d, err := startDaemon(w.temporary(function+filepath.Base(front)+".log"), w.stack.env[function], w.parts["rie"].path,
		"--runtime-interface-emulator-address", front, "--runtime-api-address", back, filepath.Join(folder, "bootstrap"))
	if err != nil {
		return nil, err
	}
	w.closers = append(w.closers, d.stop)
	return &emulator{d, "http://" + front + "/2015-03-31/functions/function/invocations"}, d.answers(ctx, "http://"+front)
}

// invoke hands an event to the function and decodes its answer. A function that fails, or does not start, is an error.
func (e *emulator) invoke(ctx context.Context, event, answer any) error {
	payload, err := json.Marshal(event)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url, bytes.NewReader(payload))
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	var failure struct{ ErrorType string }
	if json.Unmarshal(raw, &failure) == nil && failure.ErrorType != "" {
		err = errors.Join(err, fmt.Errorf("function failed: %s\n%s", raw, tail(e.said(), 20)))
	}
	return errors.Join(err, json.Unmarshal(raw, answer))
}

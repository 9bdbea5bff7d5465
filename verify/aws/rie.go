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

// rieFunction is one of our functions in AWS's Runtime Interface Emulator, which handles one
// invocation at a time.
// https://github.com/aws/aws-lambda-runtime-interface-emulator
type rieFunction struct {
	*daemon
	url string
}

// startFunction builds a function for this machine as SAM would, and starts it with its deployed
// environment.
func (w *workspace) startFunction(ctx context.Context, function string) (*rieFunction, error) {
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
	d, err := startDaemon(w.temporary(function+filepath.Base(front)+".log"), w.deployed.env[function], w.tools["rie"].path,
		"--runtime-interface-emulator-address", front, "--runtime-api-address", back, filepath.Join(folder, "bootstrap"))
	if err != nil {
		return nil, err
	}
	w.closers = append(w.closers, d.stop)
	return &rieFunction{d, "http://" + front + "/2015-03-31/functions/function/invocations"}, d.waitForHTTP(ctx, "http://"+front)
}

// invoke sends an event to the function and decodes its answer. It returns an error if the function
// fails or does not start.
func (f *rieFunction) invoke(ctx context.Context, event, answer any) error {
	payload, err := json.Marshal(event)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, f.url, bytes.NewReader(payload))
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
		err = errors.Join(err, fmt.Errorf("function failed: %s\n%s", raw, f.logTail(20)))
	}
	return errors.Join(err, json.Unmarshal(raw, answer))
}

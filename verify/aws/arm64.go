package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// arm64 starts sam build's binaries on an emulated processor and sends each one event: a request
// without a signature and without records. The reconciler searches for missing events at a Stripe
// that has no events.
func (w *workspace) arm64(ctx context.Context) (string, error) {
	var evidence []string
	for _, function := range slices.Sorted(maps.Keys(w.deployed.env)) {
		answer, err := w.firstAnswer(ctx, function)
		if err != nil {
			return "", fmt.Errorf("%s: %w", function, err)
		}
		evidence = append(evidence, fmt.Sprintf("%s: %s", function, answer))
	}
	return "first event under qemu " + w.version("qemu") + ": " + strings.Join(evidence, "; "), nil
}

func (w *workspace) firstAnswer(ctx context.Context, function string) (string, error) {
	api, err := startRuntimeAPI(`{"Records":[],"requestContext":{"http":{"method":"POST","path":"/webhook"}}}`)
	if err != nil {
		return "", err
	}
	defer api.server.Close()
	env := append([]string{"AWS_LAMBDA_RUNTIME_API=" + api.address}, w.deployed.env[function]...)
	bootstrap := filepath.Join(w.built, function, "bootstrap")
	d, err := startDaemon(w.temporary(function+".arm64.log"), env, w.tools["qemu"].path, bootstrap)
	if err != nil {
		return "", err
	}
	defer d.stop()
	select {
	case answer := <-api.answers:
		return answer, nil
	case err := <-d.exited:
		return "", d.exitError(err, "no answer")
	case <-time.After(time.Minute):
		return "", fmt.Errorf("no answer within a minute\n%s", d.logTail(10))
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// runtimeAPI is a Lambda Runtime API with a single event. It is not the emulator's, because this
// check should not depend on our own code:
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
type runtimeAPI struct {
	address string
	answers chan string
	server  *http.Server
}

func startRuntimeAPI(event string) (*runtimeAPI, error) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	const invocation = "/2018-06-01/runtime/invocation/"
	api := &runtimeAPI{address: listener.Addr().String(), answers: make(chan string, 1)}
	events := make(chan string, 1)
	events <- event
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+invocation+"next", func(rw http.ResponseWriter, r *http.Request) {
		select {
		case event := <-events:
			rw.Header().Set("Lambda-Runtime-Aws-Request-Id", "first")
			rw.Header().Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(time.Now().Add(time.Minute).UnixMilli(), 10))
			io.WriteString(rw, event)
		case <-r.Context().Done():
		}
	})
	mux.HandleFunc("POST "+invocation+"first/{outcome}", func(rw http.ResponseWriter, r *http.Request) {
		if body, err := io.ReadAll(r.Body); err == nil {
			api.answers <- r.PathValue("outcome") + " " + string(body)
		}
		rw.WriteHeader(http.StatusAccepted)
	})
	api.server = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go api.server.Serve(listener)
	return api, nil
}

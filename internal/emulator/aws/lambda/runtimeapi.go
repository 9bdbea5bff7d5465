package lambda

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
)

// maxPayload is Lambda's limit for the answer of a synchronous invocation.
const maxPayload = 6 << 20

// routes serves the Runtime API: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
func (in *instance) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", in.handleNext)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/response", in.handleResponse)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/error", in.handleError)
	mux.HandleFunc("POST /2018-06-01/runtime/init/error", in.handleInitError)
	return mux
}

func (in *instance) handleNext(w http.ResponseWriter, r *http.Request) {
	in.first.Do(func() { close(in.ready) })
	select {
	case inv := <-in.next:
		in.setCurrent(inv)
		h := w.Header()
		h.Set("Content-Type", "application/json")
		h.Set("Lambda-Runtime-Aws-Request-Id", inv.id)
		h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(inv.deadline.UnixMilli(), 10))
		h.Set("Lambda-Runtime-Invoked-Function-Arn", in.config.ARN)
		w.Write(inv.payload)
	case <-r.Context().Done():
	}
}

func (in *instance) handleResponse(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxPayload+1))
	switch {
	case err != nil:
		in.finish(w, r, outcome{err: fmt.Errorf("read answer: %w", err)})
	case len(body) > maxPayload:
		in.finish(w, r, outcome{err: &InvocationError{"Function.ResponseSizeTooLarge", "the answer exceeds 6 MB"}})
	default:
		in.finish(w, r, outcome{answer: body})
	}
}

func (in *instance) handleError(w http.ResponseWriter, r *http.Request) {
	in.finish(w, r, outcome{err: readError(r)})
}

func (in *instance) handleInitError(w http.ResponseWriter, r *http.Request) {
	select {
	case in.failed <- readError(r):
	default:
	}
	w.WriteHeader(http.StatusAccepted)
}

// finish ends the current invocation, once; an answer to any other is refused.
func (in *instance) finish(w http.ResponseWriter, r *http.Request, out outcome) {
	inv := in.takeCurrent(r.PathValue("id"))
	if inv == nil {
		http.Error(w, `{"errorType":"InvalidRequestID","errorMessage":"no such invocation"}`, http.StatusBadRequest)
		return
	}
	inv.done <- out
	w.WriteHeader(http.StatusAccepted)
}

func (in *instance) setCurrent(inv *invocation) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.current = inv
}

func (in *instance) takeCurrent(id string) *invocation {
	in.mu.Lock()
	defer in.mu.Unlock()
	inv := in.current
	if inv == nil || inv.id != id {
		return nil
	}
	in.current = nil
	return inv
}

// readError reads the error document of the Runtime API; a runtime that sends none is still believed to have failed.
func readError(r *http.Request) error {
	reported := &InvocationError{Type: r.Header.Get("Lambda-Runtime-Function-Error-Type")}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxPayload))
	if err := errors.Join(err, json.Unmarshal(body, reported)); err != nil {
		reported.Message = string(body)
	}
	if reported.Type == "" {
		reported.Type = "Unknown"
	}
	return reported
}

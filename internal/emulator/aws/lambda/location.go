package lambda

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// InvocationError is an error that the handler or the runtime's initialization reported.
type InvocationError struct {
	Type    string `json:"errorType"`
	Message string `json:"errorMessage"`
	// At is the place in the function's own code, as file:line. Empty: unknown.
	At string `json:"-"`
	// Body is the report itself, in JSON. Nil: it was not JSON.
	Body json.RawMessage `json:"-"`
}

// Error returns type and message and, if it is known, the place.
func (e *InvocationError) Error() string {
	text := e.Type + ": " + e.Message
	if e.At != "" {
		text += " (" + e.At + ")"
	}
	return text
}

// readError reads a report of an error, in the form of
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html#runtimes-api-invokeerror. What is
// not in that form becomes the message.
func (c Config) readError(r *http.Request) error {
	reported := &InvocationError{Type: r.Header.Get("Lambda-Runtime-Function-Error-Type")}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxPayload))
	var trace struct {
		StackTrace json.RawMessage `json:"stackTrace"` // Go's runtime has other elements than Python's
		Trace      json.RawMessage `json:"trace"`
	}
	if err := errors.Join(err, json.Unmarshal(body, reported), json.Unmarshal(body, &trace)); err != nil {
		reported.Message = string(body)
	} else {
		reported.Body = body
	}
	for _, raw := range []json.RawMessage{trace.StackTrace, trace.Trace} {
		var lines []string
		if json.Unmarshal(raw, &lines) == nil && reported.At == "" {
			reported.At = c.locate(lines)
		}
	}
	if reported.Type == "" {
		reported.Type = "Unknown"
	}
	return reported
}

// The forms of a place in the stack traces of Python and of Node.js.
var (
	inPython = regexp.MustCompile(`^ *File "([^"\n]+)", line ([0-9]+)`)
	inNode   = regexp.MustCompile(`^(?: *at (?:.*\()?)?(?:file://)?(/[^\n]*?):([0-9]+)(?::[0-9]+\)?)?$`)
)

// locate returns the innermost place in a stack trace that is in the function's own code.
func (c Config) locate(trace []string) string {
	var innermost string
	for _, line := range trace {
		if place := inPython.FindStringSubmatch(line); place != nil && c.isOwn(place[1]) {
			innermost = c.show(place[1]) + ":" + place[2] // the innermost call is last
		}
		if place := inNode.FindStringSubmatch(line); place != nil && c.isOwn(place[1]) {
			return c.show(place[1]) + ":" + place[2] // it is first
		}
	}
	return innermost
}

// isOwn reports whether a file is part of the function, and not of a package that it uses.
func (c Config) isOwn(file string) bool {
	relative, err := filepath.Rel(c.TaskRoot, file)
	if err != nil || !filepath.IsLocal(relative) {
		return false
	}
	parts := strings.Split(filepath.ToSlash(relative), "/")
	return !slices.Contains(parts, "node_modules") && !slices.Contains(parts, "site-packages")
}

// show returns the path of a file's source, as a developer in the current folder would write it.
func (c Config) show(file string) string {
	if relative, err := filepath.Rel(c.TaskRoot, file); err == nil && c.Source != "" {
		file = filepath.Join(c.Source, relative)
	}
	folder, err := os.Getwd()
	if err != nil {
		return file
	}
	if relative, err := filepath.Rel(folder, file); err == nil && filepath.IsLocal(relative) {
		return relative
	}
	return file
}

// Package awsjson serves the AWS JSON protocols, versions 1.0 and 1.1, for any number of services.
//
// [New] makes an HTTP handler of the [Operations] of several services, each of which the SDKs find
// by the X-Amz-Target header: https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html. A
// call that no service supports is refused by name, and never partly executed. Signatures and
// credentials are not checked, so use a handler only on loopback or in a test.
package awsjson

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/google/uuid"
)

// maxBody is the largest legal batch, 1 MiB, with room for JSON's escapes.
const maxBody = 8 << 20

// Operations describes the API of a service.
type Operations struct {
	// Service is the service's name in a [Call], such as "sqs".
	Service string
	// Target is the part of X-Amz-Target before the dot, such as "AmazonSQS".
	Target string
	// Version is the version of the protocol, "1.0" or "1.1".
	Version string
	// Namespace is the namespace of error types. Empty: none is sent.
	Namespace string
	// MessageMember is the member of an error that contains its message. Empty: "message".
	MessageMember string
	// QueryCodes maps errors to their names in the query protocol, if they differ. Nil: none
	// differs.
	QueryCodes map[string]string
	// Checksum is whether answers have a CRC-32.
	Checksum bool
	// ByName are the operations by their names in AWS's API, such as "SendMessage".
	ByName map[string]Operation
}

// An Operation decodes and executes a request, and returns the output to encode; nil means an empty
// answer. An error must be an [*Error] or have a method AWSError that returns one; any other is an
// internal failure.
type Operation func(ctx context.Context, body []byte) (any, error)

// Typed makes an [Operation] from a function with a typed input. Members that In lacks are refused.
func Typed[In any](run func(context.Context, In) (any, error)) Operation {
	return func(ctx context.Context, body []byte) (any, error) {
		var in In
		if err := decode(body, &in); err != nil {
			return nil, err
		}
		return run(ctx, in)
	}
}

// A Call is a request for a known operation.
type Call struct {
	Service, Operation string

	service *Operations
}

// Fail answers the call with e, in its service's format.
func (c Call) Fail(w http.ResponseWriter, e *Error) { c.service.fail(w, e) }

// Options configure a handler. The zero value is the default.
type Options struct {
	// Warn receives warnings, for example about a call of an unknown operation. It may be called
	// concurrently. Nil: warnings are dropped.
	Warn func(string)
	// Intercept wraps the handler of each known call, to inject faults. Nil: none.
	Intercept func(c Call, next http.Handler) http.Handler
}

// handler serves all services; it is immutable.
type handler struct {
	Options
	services map[string]*Operations // by target
}

// New returns a handler that serves all of the services on every path. It is safe for concurrent
// use.
func New(opts *Options, services ...Operations) http.Handler {
	if opts == nil {
		opts = &Options{}
	}
	h := &handler{*opts, map[string]*Operations{}}
	if h.Warn == nil {
		h.Warn = func(string) {}
	}
	if h.Intercept == nil {
		h.Intercept = func(_ Call, next http.Handler) http.Handler { return next }
	}
	for _, service := range services {
		h.services[service.Target] = &service
	}
	return h
}

// ServeHTTP finds the operation and runs it, wrapped by Intercept.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Amzn-Requestid", uuid.NewString())
	target := r.Header.Get("X-Amz-Target")
	prefix, name, _ := strings.Cut(target, ".")
	s := cmp.Or(h.services[prefix], &Operations{Version: "1.0"})
	run := s.ByName[name]
	if run == nil || r.Method != http.MethodPost {
		h.unknown(w, r, s, target)
		return
	}
	serve := func(w http.ResponseWriter, r *http.Request) {
		out, err := call(r, run)
		if err == nil {
			s.write(w, http.StatusOK, out)
			return
		}
		e := AsError(err, &Error{Status: http.StatusInternalServerError, Code: "InternalFailure", Message: err.Error()})
		if e.unsupported {
			h.Warn(target + ": " + e.Message)
		}
		s.fail(w, e)
	}
	h.Intercept(Call{Service: s.Service, Operation: name, service: s}, http.HandlerFunc(serve)).ServeHTTP(w, r)
}

func (h *handler) unknown(w http.ResponseWriter, r *http.Request, s *Operations, target string) {
	message := fmt.Sprintf("%s %s with X-Amz-Target %q is not implemented in the local stack", r.Method, r.URL.Path, target)
	h.Warn(message)
	s.fail(w, &Error{Code: "UnknownOperationException", Message: message})
}

func call(r *http.Request, run Operation) (any, error) {
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" {
		return nil, &Error{Code: "SerializationException", Message: "content encoding " + encoding + " is not supported"}
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return nil, &Error{Code: "SerializationException", Message: "request body could not be read"}
	}
	if len(body) > maxBody {
		return nil, &Error{Status: http.StatusRequestEntityTooLarge, Code: "RequestEntityTooLargeException", Message: "request body is over 8 MiB"}
	}
	return run(r.Context(), body)
}

// decode reads the one JSON value in body. A member that the operation does not support is refused,
// because ignoring it would hide a difference from AWS.
func decode(body []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		if member, found := strings.CutPrefix(err.Error(), "json: unknown field "); found {
			return &Error{Code: "ValidationException", Message: "request member " + member + " is not supported in the local stack", unsupported: true}
		}
		return AsError(err, &Error{Code: "SerializationException", Message: err.Error()})
	}
	if _, err := decoder.Token(); err != io.EOF {
		return &Error{Code: "SerializationException", Message: "request body goes on after its JSON value"}
	}
	return nil
}

// write sends v as the body. Like AWS it sends an empty body if there is no output.
func (s *Operations) write(w http.ResponseWriter, status int, v any) {
	var body []byte
	if v != nil {
		var err error
		if body, err = json.Marshal(v); err != nil {
			status, body = http.StatusInternalServerError, []byte(`{"__type":"InternalFailure"}`)
		}
	}
	if s.Checksum {
		w.Header().Set("X-Amz-Crc32", strconv.FormatUint(uint64(crc32.ChecksumIEEE(body)), 10))
	}
	w.Header().Set("Content-Type", "application/x-amz-json-"+s.Version)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	w.Write(body) // the client may have disconnected
}

// Marshal returns v as JSON without escapes for HTML, as AWS encodes it; nil on an error.
func Marshal(v any) []byte {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if encoder.Encode(v) != nil {
		return nil
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// Error is an answer that AWS's SDKs turn into the typed error of its code.
type Error struct {
	// Status is the HTTP status. Zero: 400.
	Status int
	// Code is the error's name in the service's API model, such as ResourceNotFoundException.
	Code    string
	Message string
	// Item is the item, in DynamoDB's JSON, for which a condition failed. Nil: none is sent.
	Item any

	unsupported bool // a limitation of the emulator, which causes a warning
}

// Error returns code and message.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

// AsError returns the [*Error] in err's chain, or from a method AWSError in it, or otherwise.
func AsError(err error, otherwise *Error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if e, ok := errors.AsType[awsError](err); ok {
		return e.AWSError()
	}
	return otherwise
}

// awsError is an error that can be converted to AWS's.
type awsError interface {
	error
	AWSError() *Error
}

func (s *Operations) fail(w http.ResponseWriter, e *Error) {
	status := cmp.Or(e.Status, http.StatusBadRequest)
	body := map[string]any{"__type": s.errorType(e.Code), cmp.Or(s.MessageMember, "message"): e.Message}
	if e.Item != nil {
		body["Item"] = e.Item
	}
	w.Header().Set("X-Amzn-Errortype", e.Code)
	if s.QueryCodes != nil {
		side := "Sender"
		if status >= http.StatusInternalServerError {
			side = "Receiver"
		}
		w.Header().Set("X-Amzn-Query-Error", cmp.Or(s.QueryCodes[e.Code], e.Code)+";"+side)
	}
	s.write(w, status, body)
}

// coralErrors come from AWS's common service framework, which has its own namespaces.
var coralErrors = map[string]string{
	"UnknownOperationException": "com.amazon.coral.service#UnknownOperationException",
	"SerializationException":    "com.amazon.coral.service#SerializationException",
	"ValidationException":       "com.amazon.coral.validate#ValidationException",
	"InvalidParameterValue":     "com.amazon.coral.service#InvalidParameterValueException",
	"MissingParameter":          "com.amazon.coral.service#MissingRequiredParameterException",
}

func (s *Operations) errorType(code string) string {
	if s.Namespace == "" {
		return code
	}
	return cmp.Or(coralErrors[code], s.Namespace+"#"+code)
}

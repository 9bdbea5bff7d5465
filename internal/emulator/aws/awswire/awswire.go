// Package awswire answers the AWS calls that Meterbridge's functions make, over the wire protocol their SDK speaks.
//
// It is the local stack's front for EventBridge, Secrets Manager, SQS and DynamoDB: AWS JSON 1.0 and 1.1, chosen by the
// X-Amz-Target header (https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html). A call it cannot serve as AWS would is refused
// by name, never half done. Signatures and credentials are not checked, so it belongs on loopback and nowhere else.
package awswire

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/dynamodb"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sqs"
)

// maxBody bounds a request: the largest legal batch is 1 MiB, which JSON escapes can make six times as long.
const maxBody = 8 << 20

// Backends is what the calls act on. A nil backend's calls are answered as unknown operations.
type Backends struct {
	Events  Events
	Secrets *Secrets
	Queues  []*sqs.Queue
	Tables  []*dynamodb.Table

	// Warn is told what AWS would keep silent about, such as an event sent to a bus that does not exist. It may be called
	// concurrently. Nil: warnings are dropped.
	Warn func(string)
	// Intercept wraps the handling of each known call, so that faults can be put before, after or in place of it. Nil: none.
	Intercept func(c Call, next http.Handler) http.Handler
}

// Call names an AWS call in flight.
type Call struct {
	// Service is events, secretsmanager, sqs or dynamodb.
	Service string
	// Operation is the name in AWS's API, such as PutEvents.
	Operation string

	service *service
}

// Fail answers the call with e in the form its service uses.
func (c Call) Fail(w http.ResponseWriter, e *Error) { c.service.fail(w, e) }

// service is what differs between services on the wire.
type service struct {
	name       string
	version    string // of AWS JSON
	namespace  string // of error types; empty when the service sends them bare
	message    string // the member that holds an error's message
	queryCodes map[string]string
	checksum   bool
	operations map[string]operation
}

// operation decodes a request body, acts, and returns what to encode; nil is an empty answer.
type operation func(ctx context.Context, body []byte) (any, error)

// handler serves all services; it is immutable.
type handler struct {
	services  map[string]*service // by the part of X-Amz-Target before the dot
	warn      func(string)
	intercept func(Call, http.Handler) http.Handler
}

// New returns the handler for all of b, safe for concurrent use. It answers on every path, as SDKs post to the root.
func New(b Backends) http.Handler {
	h := &handler{services: map[string]*service{}, warn: b.Warn, intercept: b.Intercept}
	if h.warn == nil {
		h.warn = func(string) {}
	}
	if h.intercept == nil {
		h.intercept = func(_ Call, next http.Handler) http.Handler { return next }
	}
	if b.Events != nil {
		h.services["AWSEvents"] = newEvents(b.Events, h.warn)
	}
	if b.Secrets != nil {
		h.services["secretsmanager"] = newSecretsManager(b.Secrets)
	}
	if b.Queues != nil {
		h.services["AmazonSQS"] = newSQS(b.Queues)
	}
	if b.Tables != nil {
		h.services["DynamoDB_20120810"] = newDynamoDB(b.Tables)
	}
	return h
}

// ServeHTTP finds the operation and runs it inside the intercept.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Amzn-Requestid", uuid.NewString())
	target := r.Header.Get("X-Amz-Target")
	prefix, name, _ := strings.Cut(target, ".")
	s := h.services[prefix]
	if s == nil {
		s = &service{version: "1.0", message: "message"}
	}
	run := s.operations[name]
	if run == nil || r.Method != http.MethodPost {
		h.unknown(w, r, s, target)
		return
	}
	serve := func(w http.ResponseWriter, r *http.Request) {
		out, err := call(r, run)
		if e := asError(err, nil); e != nil && e.unsupported {
			h.warn(target + ": " + e.Message)
		}
		s.answer(w, out, err)
	}
	h.intercept(Call{Service: s.name, Operation: name, service: s}, http.HandlerFunc(serve)).ServeHTTP(w, r)
}

func (h *handler) unknown(w http.ResponseWriter, r *http.Request, s *service, target string) {
	what := fmt.Sprintf("%s %s with X-Amz-Target %q is not implemented in the local stack", r.Method, r.URL.Path, target)
	h.warn(what)
	s.fail(w, &Error{Code: "UnknownOperationException", Message: what})
}

func call(r *http.Request, run operation) (any, error) {
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

// op makes an operation of a function over a typed input.
func op[In any](run func(context.Context, In) (any, error)) operation {
	return func(ctx context.Context, body []byte) (any, error) {
		var in In
		if err := decode(body, &in); err != nil {
			return nil, err
		}
		return run(ctx, in)
	}
}

// decode reads the one JSON value in body. A member that AWS knows and this package does not act on is refused, because
// ignoring it would be a silent difference.
func decode(body []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		if member, found := strings.CutPrefix(err.Error(), "json: unknown field "); found {
			return &Error{Code: "ValidationException", Message: "request member " + member + " is not supported in the local stack", unsupported: true}
		}
		return asError(err, &Error{Code: "SerializationException", Message: err.Error()})
	}
	if _, err := decoder.Token(); err != io.EOF {
		return &Error{Code: "SerializationException", Message: "request body goes on after its JSON value"}
	}
	return nil
}

// answer encodes the outcome of a call.
func (s *service) answer(w http.ResponseWriter, out any, err error) {
	if err != nil {
		s.fail(w, asError(err, &Error{Status: http.StatusInternalServerError, Code: "InternalFailure", Message: err.Error()}))
		return
	}
	s.write(w, http.StatusOK, out)
}

// write sends v as the body, except that no output at all is an empty body, as AWS does.
func (s *service) write(w http.ResponseWriter, status int, v any) {
	var body []byte
	if v != nil {
		var err error
		if body, err = json.Marshal(v); err != nil {
			status, body = http.StatusInternalServerError, []byte(`{"__type":"InternalFailure"}`)
		}
	}
	if s.checksum {
		w.Header().Set("X-Amz-Crc32", strconv.FormatUint(uint64(crc32.ChecksumIEEE(body)), 10))
	}
	w.Header().Set("Content-Type", "application/x-amz-json-"+s.version)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	w.Write(body) // a client that has gone needs no answer
}

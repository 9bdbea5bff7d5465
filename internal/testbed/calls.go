package testbed

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/awsjson"
)

// Fail makes all calls of an operation, or of a service such as "sqs", fail; nil ends that.
func (b *Bed) Fail(operationOrService string, err *awsjson.Error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failures[operationOrService] = err
}

// Intercept wraps the handling of each call that [Bed.Fail] lets through; nil ends that.
func (b *Bed) Intercept(wrap func(awsjson.Call, http.Handler) http.Handler) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.intercept = wrap
}

func (b *Bed) interceptCall(c awsjson.Call, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		input, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(input))
		b.mu.Lock()
		b.calls[c.Operation] = append(b.calls[c.Operation], input)
		failure, wrap := b.failures[c.Operation], b.intercept
		if failure == nil {
			failure = b.failures[c.Service]
		}
		b.mu.Unlock()
		switch {
		case failure != nil:
			c.Fail(w, failure)
		case wrap != nil:
			wrap(c, next).ServeHTTP(w, r)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// Calls decodes the inputs of all calls of an operation so far, including failed ones.
func Calls[In any](t testing.TB, b *Bed, operation string) []In {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	var inputs []In
	for _, raw := range b.calls[operation] {
		var in In
		if err := json.Unmarshal(raw, &in); err != nil {
			t.Fatalf("input of %s: %v", operation, err)
		}
		inputs = append(inputs, in)
	}
	return inputs
}

// SecretReads returns how often the current value of a secret was read.
func (b *Bed) SecretReads(t testing.TB) int {
	t.Helper()
	reads := 0
	for _, in := range Calls[struct{ VersionStage string }](t, b, "GetSecretValue") {
		if in.VersionStage == "AWSCURRENT" {
			reads++
		}
	}
	return reads
}

// A Letter is a message with the texts of its attributes.
type Letter struct {
	Body       string
	Attributes map[string]string
}

// Letters returns the messages that have been sent to the queue of dead letters, in order.
func (b *Bed) Letters(t testing.TB) []Letter {
	t.Helper()
	var letters []Letter
	for _, in := range Calls[struct {
		QueueUrl, MessageBody string
		MessageAttributes     map[string]struct{ StringValue string }
	}](t, b, "SendMessage") {
		if in.QueueUrl != b.DeadLetters.Config().URL {
			continue
		}
		letter := Letter{in.MessageBody, map[string]string{}}
		for name, value := range in.MessageAttributes {
			letter.Attributes[name] = value.StringValue
		}
		letters = append(letters, letter)
	}
	return letters
}

// ErrLost is the error of a request whose answer is lost.
var ErrLost = errors.New("testbed: connection lost")

var errUnsigned = errors.New("testbed: call is not signed")

// InProcess returns a configuration for clients whose calls a handler answers without a network,
// with one attempt for each call: in a synctest bubble only the handler takes time. If the handler
// panics with [http.ErrAbortHandler], whether it has acted or not, the caller gets [ErrLost].
func InProcess(handler http.Handler) aws.Config {
	return aws.Config{
		Region: "us-east-1", BaseEndpoint: aws.String("https://aws.test"), RetryMaxAttempts: 1, HTTPClient: inProcess{handler},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, nil
		}),
	}
}

// inProcess is a client and a transport whose requests are answered by a handler.
type inProcess struct{ handler http.Handler }

// Do makes an inProcess the SDK's HTTP client.
func (p inProcess) Do(r *http.Request) (*http.Response, error) {
	if !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 ") {
		return nil, errUnsigned
	}
	return p.RoundTrip(r)
}

// RoundTrip implements [http.RoundTripper].
func (p inProcess) RoundTrip(r *http.Request) (response *http.Response, err error) {
	defer func() {
		if fault := recover(); fault == http.ErrAbortHandler {
			response, err = nil, ErrLost
		} else if fault != nil {
			panic(fault)
		}
	}()
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	if r.Body == nil {
		r.Body = http.NoBody
	}
	recorder := httptest.NewRecorder()
	p.handler.ServeHTTP(recorder, r)
	if err := r.Context().Err(); err != nil && recorder.Body.Len() == 0 {
		return nil, err // the handler waited until its caller gave up
	}
	return recorder.Result(), nil
}

// Package awstest lets the real AWS SDK talk to functions of a test.
//
// What a fake client cannot show, it shows: how requests look on the wire, and what the SDK makes
// of the answers.
package awstest

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Operation answers one call. The answer is encoded as JSON; an [*Error] becomes an AWS error, and
// [Hang] no answer.
type Operation func(input []byte) (output any, err error)

// Error is an error as AWS services send it.
type Error struct {
	Status  int    // of the HTTP response
	Code    string // such as "AccessDeniedException"
	Message string
	Item    any // what DynamoDB shows of the item that a condition failed on; nil is nothing
}

// Error returns the code and the message.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

// Hang is the answer that never comes: the request stays open until its caller gives up.
const Hang = hang("no answer")

type hang string

func (h hang) Error() string { return string(h) }

// Config starts a server for the test's duration and returns a configuration that points SDK
// clients at it, with one attempt for each call. Operations are keyed by target, such as
// "AWSEvents.PutEvents"; any other call fails the test.
func Config(t testing.TB, operations map[string]Operation) aws.Config {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		target := r.Header.Get("X-Amz-Target")
		operation, ok := operations[target]
		if !ok {
			t.Errorf("unexpected call of %q", target)
			operation = func([]byte) (any, error) {
				return nil, &Error{Status: 400, Code: "UnknownOperationException", Message: target}
			}
		}
		input, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("read %s: %v", target, err)
		}
		if !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 ") {
			t.Errorf("%s is not signed", target)
		}
		answer(w, r, operation, input)
	}))
	t.Cleanup(server.Close)
	credentials := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, nil
	})
	return aws.Config{
		Region: "us-east-1", BaseEndpoint: &server.URL, Credentials: credentials, RetryMaxAttempts: 1,
		HTTPClient: server.Client(),
	}
}

func answer(w http.ResponseWriter, r *http.Request, operation Operation, input []byte) {
	output, err := operation(input)
	if err == Hang {
		<-r.Context().Done()
		return
	}
	w.Header().Set("Content-Type", r.Header.Get("Content-Type"))
	if failure, ok := err.(*Error); ok {
		w.WriteHeader(failure.Status)
		output = map[string]any{"__type": failure.Code, "message": failure.Message, "Item": failure.Item}
	}
	_ = json.NewEncoder(w).Encode(output)
}

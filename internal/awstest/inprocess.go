package awstest

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// ErrLost is how a call ends whose answer never comes.
var ErrLost = errors.New("connection lost")

// InProcess returns a configuration whose calls a handler answers without a network, with one
// attempt for each call: in a synctest bubble, nothing but the handler then takes time. Whether a
// handler that panics with [http.ErrAbortHandler] has acted is its own business; the caller gets
// ErrLost.
func InProcess(handler http.Handler) aws.Config {
	return aws.Config{
		Region: "us-east-1", BaseEndpoint: aws.String("https://aws.test"), RetryMaxAttempts: 1, HTTPClient: inProcess{handler},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, nil
		}),
	}
}

type inProcess struct{ handler http.Handler }

// Do makes an inProcess the SDK's HTTP client.
func (p inProcess) Do(r *http.Request) (response *http.Response, err error) {
	defer func() {
		if fault := recover(); fault == http.ErrAbortHandler {
			response, err = nil, ErrLost
		} else if fault != nil {
			panic(fault)
		}
	}()
	if r.Body == nil {
		r.Body = http.NoBody
	}
	recorder := httptest.NewRecorder()
	p.handler.ServeHTTP(recorder, r)
	return recorder.Result(), nil
}

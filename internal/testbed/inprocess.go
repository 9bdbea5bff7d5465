package testbed

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// ErrLost is the error of a request whose answer is lost.
var ErrLost = errors.New("testbed: connection lost")

// errUnsigned is the error of a call of AWS that is not signed.
var errUnsigned = errors.New("testbed: call is not signed")

// InProcess returns a configuration whose calls a handler answers without a network, with one
// attempt for each call: in a synctest bubble only the handler takes time. If the handler panics
// with [http.ErrAbortHandler], whether it has acted or not, the caller gets [ErrLost].
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

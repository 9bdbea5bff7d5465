package apigateway_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/apigateway"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/lambda"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/target"
)

// function is a function that answers each payload.
type function struct {
	id     string
	answer func(payload []byte) (string, error)
}

func (f function) ID() string { return f.id }

func (f function) Deliver([]byte, string) error { return errors.New("a route does not deliver") }

func (f function) Invoke(_ context.Context, payload []byte) ([]byte, error) {
	answer, err := f.answer(payload)
	return []byte(answer), err
}

// serve returns a service with the routes, such as "POST /in", of functions.
func serve(t *testing.T, functions map[string]function) *apigateway.Service {
	t.Helper()
	return serveObserved(t, nil, functions)
}

// serveObserved is serve with an observer of the steps.
func serveObserved(t *testing.T, observer activity.Observer, functions map[string]function) *apigateway.Service {
	t.Helper()
	directory := target.NewDirectory(nil, observer)
	service := apigateway.New(directory)
	for route, f := range functions {
		arn := target.ARN("lambda", "function:"+f.id)
		directory.Add(arn, f)
		method, path, _ := strings.Cut(route, " ")
		err := service.Add(sam.Resource{Type: sam.Route, Properties: map[string]any{"Method": method, "Path": path, "FunctionArn": arn}})
		if err != nil {
			t.Fatal(err)
		}
	}
	return service
}

// request makes a request with a body, "METHOD /path", and returns the answer.
func request(service http.Handler, request, contentType, body string) *httptest.ResponseRecorder {
	method, path, _ := strings.Cut(request, " ")
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	answer := httptest.NewRecorder()
	service.ServeHTTP(answer, r)
	return answer
}

func TestMostSpecificRouteWins(t *testing.T) {
	t.Parallel()
	named := func(id string) function {
		return function{id, func([]byte) (string, error) { return fmt.Sprintf(`{"statusCode":200,"body":%q}`, id), nil }}
	}
	service := serve(t, map[string]function{
		"ANY /{proxy+}": named("A"), "ANY /x/{id}": named("B"), "POST /x/y": named("C"), "GET /x/{id}": named("D"),
	})
	for r, want := range map[string]string{
		"POST /x/y": "C", "GET /x/y": "D", "PUT /x/y": "B", "POST /x/z": "B", "POST /x/y/z": "A", "GET /": "A", "POST /other": "A",
	} {
		if answer := request(service, r, "", ""); answer.Code != http.StatusOK || answer.Body.String() != want {
			t.Errorf("%s: %d %s, want %s", r, answer.Code, answer.Body, want)
		}
	}
}

// TestUnknownPathsAreNotFound: only the template's routes reach a function.
func TestUnknownPathsAreNotFound(t *testing.T) {
	t.Parallel()
	service := serve(t, map[string]function{"POST /webhook": {"A", func([]byte) (string, error) { return `{"statusCode":204}`, nil }}})
	for r, want := range map[string]int{
		"POST /webhook": 204, "GET /webhook": 404, "POST /": 404, "POST /webhook/x": 404, "POST /other": 404, "POST /Webhook": 404,
	} {
		if answer := request(service, r, "", ""); answer.Code != want {
			t.Errorf("%s: %d %s, want %d", r, answer.Code, answer.Body, want)
		}
	}
}

// TestUnroutedRequestIsReportedWithTheRouteThatItResembles: a path that is almost right, or the
// right one with another method.
func TestUnroutedRequestIsReportedWithTheRouteThatItResembles(t *testing.T) {
	t.Parallel()
	var history activity.History
	answer := func([]byte) (string, error) { return "{}", nil }
	service := serveObserved(t, &history, map[string]function{"POST /webhook": {"A", answer}, "GET /meters/{id}": {"B", answer}})
	for r, want := range map[string]string{
		"POST /webhok": "POST /webhook", "POST /webhook/": "POST /webhook", "POST /WebHook": "POST /webhook", "POST //webhook": "POST /webhook",
		"GET /webhook": "POST /webhook", "GET /webhooks": "POST /webhook", "POST /meters/mtr_1": "GET /meters/{id}", "POST /hooks/stripe": "",
		"GET /favicon.ico": "", "POST /": "", "POST /" + strings.Repeat("webhook", 100_000): "",
	} {
		answered := request(service, r, "application/json", `{"id":"evt_1"}`)
		steps := history.Steps()
		got := steps[len(steps)-1]
		if got.Kind != activity.Unrouted || got.Text != r || got.Target != want || got.EventID != "evt_1" || got.Status != answered.Code {
			t.Errorf("%.40s: step of kind %d resembles %q, want one of evt_1 that resembles %q", r, got.Kind, got.Target, want)
		}
	}
}

// TestAnswerIsReportedWithTheIdOfItsInvocation, which the function's log lines contain.
func TestAnswerIsReportedWithTheIdOfItsInvocation(t *testing.T) {
	t.Parallel()
	var history activity.History
	failure := errors.New("exploded")
	service := serveObserved(t, &history, map[string]function{"POST /in": {"F", func([]byte) (string, error) { return "", failure }}})
	request(service, "POST /in", "", "")
	request(service, "POST /in", "", "")
	answered := history.Steps(activity.Answered)
	if len(answered) != 2 || answered[0].RequestID == "" || answered[0].RequestID == answered[1].RequestID || answered[0].Err != failure {
		t.Errorf("answers %+v, want two with ids of their own and the failure", answered)
	}
}

func TestFunctionAnswersBecomeResponses(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		answer string
		err    error
		status int
		body   string
	}{
		"statusCode and body":    {`{"statusCode":201,"body":"x","headers":{"A":"b"},"cookies":["c=1","d=2"]}`, nil, 201, "x"},
		"base64":                 {`{"statusCode":200,"body":"AP8=","isBase64Encoded":true}`, nil, 200, "\x00\xff"},
		"broken base64":          {`{"statusCode":200,"body":"?","isBase64Encoded":true}`, nil, 500, `{"message":"Internal Server Error"}`},
		"no statusCode":          {`{"any":"object"}`, nil, 200, `{"any":"object"}`},
		"not an object":          {`"text"`, nil, 200, `"text"`},
		"not a status":           {`{"statusCode":999}`, nil, 500, `{"message":"Internal Server Error"}`},
		"function failed":        {"", errors.New("failed"), 500, `{"message":"Internal Server Error"}`},
		"function took too long": {"", fmt.Errorf("invoke: %w", lambda.ErrTimeout), 503, `{"message":"Service Unavailable"}`},
	} {
		service := serve(t, map[string]function{"ANY /": {"F", func([]byte) (string, error) { return tt.answer, tt.err }}})
		answer := request(service, "GET /", "", "")
		if answer.Code != tt.status || answer.Body.String() != tt.body {
			t.Errorf("%s: %d %q, want %d %q", name, answer.Code, answer.Body, tt.status, tt.body)
		}
		if got := answer.Header(); name == "statusCode and body" && (got.Get("A") != "b" || len(got["Set-Cookie"]) != 2) {
			t.Errorf("%s: header %v, want A and two cookies", name, got)
		}
	}
}

// TestRequestsReachFunctionsInPayloadFormat2, with text unchanged and any other body in base64.
func TestRequestsReachFunctionsInPayloadFormat2(t *testing.T) {
	t.Parallel()
	var got struct {
		Version, RouteKey, RawPath, RawQueryString, Body string
		IsBase64Encoded                                  bool
		Headers, PathParameters                          map[string]string
		RequestContext                                   struct {
			AccountID string
			HTTP      struct{ Method, Path string }
		}
	}
	service := serve(t, map[string]function{"POST /x/{id}/{rest+}": {"F", func(payload []byte) (string, error) {
		return "{}", json.Unmarshal(payload, &got)
	}}})
	for _, tt := range []struct {
		contentType, body, want string
		encoded                 bool
	}{
		{"application/json; charset=utf-8", `{"a":"<é>"}`, `{"a":"<é>"}`, false},
		{"application/problem+json", "x", "x", false},
		{"", "x", "x", false},
		{"application/octet-stream", "x", "eA==", true},
		{"text/plain", "\xff", "/w==", true},
	} {
		got.IsBase64Encoded = false
		if answer := request(service, "POST /x/1/a/b?c=d", tt.contentType, tt.body); answer.Code != http.StatusOK {
			t.Fatalf("answered %d %s", answer.Code, answer.Body)
		}
		if got.Body != tt.want || got.IsBase64Encoded != tt.encoded {
			t.Errorf("%q as %q: body %q, encoded %t; want %q, %t", tt.body, tt.contentType, got.Body, got.IsBase64Encoded, tt.want, tt.encoded)
		}
	}
	if got.Version != "2.0" || got.RouteKey != "POST /x/{id}/{rest+}" || got.RawPath != "/x/1/a/b" || got.RawQueryString != "c=d" ||
		got.PathParameters["id"] != "1" || got.PathParameters["rest"] != "a/b" || got.Headers["content-type"] != "text/plain" ||
		got.RequestContext.HTTP.Method != "POST" || got.RequestContext.AccountID != target.Account {
		t.Errorf("event %+v is not the request in payload format 2.0", got)
	}
}

func TestRequestOver10MiBIsRefused(t *testing.T) {
	t.Parallel()
	service := serve(t, map[string]function{"POST /": {"F", func([]byte) (string, error) { return "{}", nil }}})
	for size, want := range map[int]int{10 << 20: http.StatusOK, 10<<20 + 1: http.StatusRequestEntityTooLarge} {
		if answer := request(service, "POST /", "text/plain", strings.Repeat("x", size)); answer.Code != want {
			t.Errorf("%d bytes: answered %d, want %d", size, answer.Code, want)
		}
	}
}

// Package apigateway emulates API Gateway: the routes of a template's HTTP APIs on one address.
//
// A [Service] is an [http.Handler] that invokes functions with payload format 2.0.
package apigateway

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/awsjson"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/lambda"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/target"
)

// maxRequest is the largest body that API Gateway accepts, in bytes.
const maxRequest = 10 << 20

// Service serves all routes. It is safe for concurrent use once the last one is added.
type Service struct {
	directory *target.Directory
	routes    []route // the most specific first
}

// Function is a target that a route can invoke.
type Function interface {
	target.Target
	// Invoke returns the function's answer, or [lambda.ErrTimeout] if it took too long.
	Invoke(ctx context.Context, payload []byte) ([]byte, error)
}

type route struct {
	method, path string // method ANY matches all; the path may contain {name} and end in {name+}
	function     Function
}

// New returns a service without routes. It finds functions in the directory; nil means an empty
// one.
func New(directory *target.Directory) *Service {
	return &Service{directory: cmp.Or(directory, target.NewDirectory(nil, nil))}
}

// Add adds the route that a [sam.Route] describes. Its function must have been added before.
//
// If several routes match a request, the most specific one is used: a literal part of a path wins
// over a parameter, a parameter over a greedy one, and a method over ANY. See
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html#http-api-develop-routes.evaluation
func (s *Service) Add(r sam.Resource) error {
	p, err := sam.Decode[struct{ Method, Path, FunctionArn string }](r)
	if err != nil {
		return err
	}
	found, err := s.directory.Find(p.FunctionArn)
	if err != nil {
		return err
	}
	function, ok := found.(Function)
	if !ok {
		return fmt.Errorf("%s is not a function", p.FunctionArn)
	}
	if i := slices.IndexFunc(s.routes, func(r route) bool { return r.method == p.Method && r.path == p.Path }); i >= 0 {
		s.directory.Recorder.Warn("route %s of %s is not served: all APIs share one address here, and %s has the same route",
			s.routes[i].key(), function.ID(), s.routes[i].function.ID())
		return nil
	}
	s.routes = append(s.routes, route{p.Method, p.Path, function})
	slices.SortStableFunc(s.routes, func(a, b route) int { return slices.Compare(a.rank(), b.rank()) })
	return nil
}

// Route is a method, or ANY, and a path, with the logical id of their function.
type Route struct{ Method, Path, Function string }

// Routes returns all routes, the most specific first.
func (s *Service) Routes() []Route {
	var routes []Route
	for _, r := range s.routes {
		routes = append(routes, Route{r.method, r.path, r.function.ID()})
	}
	return routes
}

// ServeHTTP invokes the function of the route that matches the request.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer s.directory.Clock.Work()()
	body, err := io.ReadAll(io.LimitReader(r.Body, maxRequest+1))
	if err != nil {
		return // the client has gone
	}
	matched, parameters := s.find(r.Method, r.URL.Path)
	switch id := activity.EventID(body); {
	case matched == nil:
		s.refuse(w, r, id, http.StatusNotFound, s.nearest(r.Method, r.URL.Path))
	case len(body) > maxRequest:
		s.refuse(w, r, id, http.StatusRequestEntityTooLarge, matched.key())
	default:
		s.invoke(w, r, id, matched, event(r, matched, parameters, body), len(body))
	}
}

// refuse answers a request that no function gets.
func (s *Service) refuse(w http.ResponseWriter, r *http.Request, id string, status int, resembles string) {
	reply(w, status, http.StatusText(status))
	s.directory.Recorder.Record(activity.Step{
		Kind: activity.Unrouted, EventID: id, Text: r.Method + " " + r.URL.Path, Status: status, Target: resembles,
	})
}

func (s *Service) invoke(w http.ResponseWriter, r *http.Request, id string, matched *route, payload []byte, size int) {
	started, name, request := time.Now(), matched.function.ID(), uuid.NewString()
	record := func(step activity.Step) {
		step.Name, step.EventID = name, id
		s.directory.Recorder.Record(step)
	}
	record(activity.Step{Kind: activity.Received, Text: matched.key(), Count: size})
	answer, err := matched.function.Invoke(lambda.WithRequestID(r.Context(), request), payload)
	record(activity.Step{Kind: activity.Invoked, Count: 1, Err: err})
	status := write(w, answer, err)
	record(activity.Step{Kind: activity.Answered, RequestID: request, Status: status, Took: time.Since(started), Err: err})
}

// key returns the route in API Gateway's notation.
func (r route) key() string { return r.method + " " + r.path }

// rank returns numbers that order routes part by part; lower ones are more specific.
func (r route) rank() []int {
	var ranks []int
	for part := range strings.SplitSeq(r.path, "/") {
		switch {
		case strings.HasSuffix(part, "+}"):
			ranks = append(ranks, 2)
		case strings.HasPrefix(part, "{"):
			ranks = append(ranks, 1)
		default:
			ranks = append(ranks, 0)
		}
	}
	if r.method == "ANY" {
		return append(ranks, 1)
	}
	return append(ranks, 0)
}

// find returns the route for a request, if there is one for its path and method.
func (s *Service) find(method, path string) (*route, map[string]string) {
	for i := range s.routes {
		r := &s.routes[i]
		if r.method != "ANY" && r.method != method {
			continue
		}
		if parameters, ok := matchPath(r.path, path); ok {
			return r, parameters
		}
	}
	return nil, nil
}

func matchPath(template, path string) (map[string]string, bool) {
	want, have := strings.Split(template, "/"), strings.Split(path, "/")
	parameters := map[string]string{}
	for i, part := range want {
		if name, greedy := strings.CutSuffix(strings.Trim(part, "{}"), "+"); greedy && i < len(have) {
			parameters[name] = strings.Join(have[i:], "/")
			return parameters, true
		}
		switch {
		case i >= len(have):
			return nil, false
		case strings.HasPrefix(part, "{"):
			parameters[strings.Trim(part, "{}")] = have[i]
		case part != have[i]:
			return nil, false
		}
	}
	return parameters, len(want) == len(have)
}

// event returns the request in payload format 2.0:
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
func event(r *http.Request, matched *route, parameters map[string]string, body []byte) []byte {
	headers := map[string]string{"host": r.Host}
	for name, values := range r.Header {
		headers[strings.ToLower(name)] = strings.Join(values, ",")
	}
	sourceIP, _, _ := net.SplitHostPort(r.RemoteAddr)
	now := time.Now()
	text, encoded := string(body), !isText(r.Header.Get("Content-Type"), body)
	if encoded {
		text = base64.StdEncoding.EncodeToString(body)
	}
	event := map[string]any{
		"version": "2.0", "routeKey": matched.key(), "rawPath": r.URL.EscapedPath(), "rawQueryString": r.URL.RawQuery,
		"headers": headers, "body": text, "isBase64Encoded": encoded,
		"requestContext": map[string]any{
			"accountId": target.Account, "apiId": "local", "domainName": r.Host, "domainPrefix": "local",
			"requestId": uuid.NewString(), "routeKey": matched.key(), "stage": "$default",
			"time": now.UTC().Format("02/Jan/2006:15:04:05 -0700"), "timeEpoch": now.UnixMilli(),
			"http": map[string]any{
				"method": r.Method, "path": r.URL.Path, "protocol": r.Proto, "sourceIp": sourceIP, "userAgent": r.UserAgent(),
			},
		},
	}
	if len(parameters) > 0 {
		event["pathParameters"] = parameters
	}
	return awsjson.Marshal(event)
}

// isText reports whether API Gateway passes the body on without encoding it in base64.
func isText(contentType string, body []byte) bool {
	if !utf8.Valid(body) {
		return false
	}
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return contentType == ""
	}
	return strings.HasPrefix(media, "text/") || media == "application/json" || media == "application/xml" ||
		media == "application/javascript" || media == "application/x-www-form-urlencoded" ||
		strings.HasSuffix(media, "+json") || strings.HasSuffix(media, "+xml")
}

// write writes a function's answer: an object with a statusCode as a response, and anything else as
// a JSON body with 200. A failure becomes a 500, a timeout a 503, as in
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
func write(w http.ResponseWriter, answer []byte, failure error) int {
	var response struct {
		StatusCode      int               `json:"statusCode"`
		Headers         map[string]string `json:"headers"`
		Cookies         []string          `json:"cookies"`
		Body            string            `json:"body"`
		IsBase64Encoded bool              `json:"isBase64Encoded"`
	}
	err := json.Unmarshal(answer, &response)
	status, body := response.StatusCode, []byte(response.Body)
	switch {
	case errors.Is(failure, lambda.ErrTimeout):
		return reply(w, http.StatusServiceUnavailable, "Service Unavailable")
	case failure == nil && (err != nil || status == 0):
		w.Header().Set("Content-Type", "application/json")
		w.Write(answer)
		return http.StatusOK
	case response.IsBase64Encoded:
		body, err = base64.StdEncoding.DecodeString(response.Body)
	}
	if failure != nil || err != nil || status < 200 || status > 599 {
		return reply(w, http.StatusInternalServerError, "Internal Server Error")
	}
	for name, value := range response.Headers {
		w.Header().Set(name, value)
	}
	for _, cookie := range response.Cookies {
		w.Header().Add("Set-Cookie", cookie)
	}
	w.WriteHeader(status)
	w.Write(body)
	return status
}

// reply writes one of API Gateway's own answers.
func reply(w http.ResponseWriter, status int, message string) int {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(awsjson.Marshal(map[string]string{"message": message}))
	return status
}

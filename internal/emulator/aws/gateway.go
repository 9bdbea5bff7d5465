package aws

import (
	"encoding/base64"
	"encoding/json"
	"errors"
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
	"github.com/meterbridge/meterbridge/internal/emulator/aws/lambda"
)

// maxRequest is the largest body that API Gateway takes.
const maxRequest = 10 << 20

// gateway is the front door: the routes of every HTTP API of the template on one address.
type gateway struct {
	stack  *Stack
	routes []route
}

type route struct {
	method, path string // method ANY takes all; the path may hold {name} and end in {name+}
	function     *function
}

func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer g.stack.working()()
	target, parameters := g.find(r.Method, r.URL.Path)
	if target == nil {
		reply(w, http.StatusNotFound, "Not Found")
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxRequest+1))
	if err != nil {
		return // the sender is gone
	}
	if len(body) > maxRequest {
		reply(w, http.StatusRequestEntityTooLarge, "Request Entity Too Large")
		return
	}
	started, step := time.Now(), activity.Step{Name: target.function.logicalID, EventID: activity.EventID(body)}
	g.stack.observe(with(step, activity.Received, step.Name, func(s *activity.Step) { s.Text, s.Count = target.method+" "+target.path, len(body) }))
	status := g.invoke(w, r, target, parameters, body)
	g.stack.observe(with(step, activity.Answered, step.Name, func(s *activity.Step) { s.Status, s.Took = status, time.Since(started) }))
}

// sort puts the most specific routes first, as API Gateway chooses between them: a literal part of a path before a parameter, that
// before the rest of the path, and a method before any.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html#http-api-develop-routes.evaluation
func (g *gateway) sort() {
	slices.SortStableFunc(g.routes, func(a, b route) int { return slices.Compare(a.rank(), b.rank()) })
}

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

// find returns the route for a request. As in API Gateway, a path whose methods do not fit is simply not found.
func (g *gateway) find(method, path string) (*route, map[string]string) {
	for i := range g.routes {
		r := &g.routes[i]
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

// invoke calls the function and writes its answer; a function that fails is a 500, one that overruns a 503, as in
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
func (g *gateway) invoke(w http.ResponseWriter, r *http.Request, target *route, parameters map[string]string, body []byte) int {
	answer, err := target.function.invoke(r.Context(), g.event(r, target, parameters, body))
	g.stack.observe(activity.Step{Kind: activity.Invoked, Name: target.function.logicalID, EventID: activity.EventID(body), Count: 1, Err: err})
	switch {
	case errors.Is(err, lambda.ErrTimeout):
		return reply(w, http.StatusServiceUnavailable, "Service Unavailable")
	case err != nil:
		return reply(w, http.StatusInternalServerError, "Internal Server Error")
	}
	return writeAnswer(w, answer)
}

// event is the request in payload format 2.0.
func (g *gateway) event(r *http.Request, target *route, parameters map[string]string, body []byte) []byte {
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
	routeKey := target.method + " " + target.path
	event := map[string]any{
		"version": "2.0", "routeKey": routeKey, "rawPath": r.URL.EscapedPath(), "rawQueryString": r.URL.RawQuery,
		"headers": headers, "body": text, "isBase64Encoded": encoded,
		"requestContext": map[string]any{
			"accountId": account, "apiId": "local", "domainName": r.Host, "domainPrefix": "local",
			"requestId": uuid.NewString(), "routeKey": routeKey, "stage": "$default",
			"time": now.UTC().Format("02/Jan/2006:15:04:05 -0700"), "timeEpoch": now.UnixMilli(),
			"http": map[string]any{
				"method": r.Method, "path": r.URL.Path, "protocol": r.Proto, "sourceIp": sourceIP, "userAgent": r.UserAgent(),
			},
		},
	}
	if len(parameters) > 0 {
		event["pathParameters"] = parameters
	}
	return quote(event)
}

// isText tells whether API Gateway hands the body over as it is; any other is base64.
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

// writeAnswer writes a function's answer: an object with a statusCode, or anything else as a JSON body with 200.
func writeAnswer(w http.ResponseWriter, answer []byte) int {
	var response struct {
		StatusCode      int               `json:"statusCode"`
		Headers         map[string]string `json:"headers"`
		Cookies         []string          `json:"cookies"`
		Body            string            `json:"body"`
		IsBase64Encoded bool              `json:"isBase64Encoded"`
	}
	err := json.Unmarshal(answer, &response)
	if err == nil && response.StatusCode != 0 && (response.StatusCode < 200 || response.StatusCode > 599) {
		return reply(w, http.StatusInternalServerError, "Internal Server Error")
	}
	if err != nil || response.StatusCode == 0 {
		w.Header().Set("Content-Type", "application/json")
		w.Write(answer)
		return http.StatusOK
	}
	body := []byte(response.Body)
	if response.IsBase64Encoded {
		decoded, err := base64.StdEncoding.DecodeString(response.Body)
		if err != nil {
			return reply(w, http.StatusInternalServerError, "Internal Server Error")
		}
		body = decoded
	}
	for name, value := range response.Headers {
		w.Header().Set(name, value)
	}
	for _, cookie := range response.Cookies {
		w.Header().Add("Set-Cookie", cookie)
	}
	w.WriteHeader(response.StatusCode)
	w.Write(body)
	return response.StatusCode
}

// reply answers as API Gateway itself does.
func reply(w http.ResponseWriter, status int, message string) int {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(quote(map[string]string{"message": message}))
	return status
}

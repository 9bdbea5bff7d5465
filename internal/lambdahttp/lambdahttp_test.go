package lambdahttp_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/lambdahttp"
)

// body has parts that must not change on the way: white space, a line break and a character outside
// ASCII.
const body = "{ \"id\" : \"evt_1\",\n\"note\":\"Zürich \\u00fc\" }"

func encode(t testing.TB, v any) []byte {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func httpAPI(body string, isBase64 bool) events.APIGatewayV2HTTPRequest {
	return events.APIGatewayV2HTTPRequest{
		Version: "2.0", RouteKey: "POST /webhook", RawPath: "/webhook", Body: body, IsBase64Encoded: isBase64,
		Headers: map[string]string{"stripe-signature": "t=1,v1=aa", "content-type": "application/json"},
		RequestContext: events.APIGatewayV2HTTPRequestContext{
			HTTP: events.APIGatewayV2HTTPRequestContextHTTPDescription{Method: "POST", Path: "/webhook"},
		},
	}
}

// shapes returns one request in each format, written with AWS's own types.
func shapes(body string, isBase64 bool) map[string]any {
	rest := events.APIGatewayProxyRequest{
		Resource: "/webhook", Path: "/webhook", HTTPMethod: "POST", Body: body, IsBase64Encoded: isBase64,
		Headers:           map[string]string{"Stripe-Signature": "t=1,v1=aa"},
		MultiValueHeaders: map[string][]string{"Stripe-Signature": {"t=1,v1=aa"}},
	}
	plain := rest
	plain.MultiValueHeaders = nil
	lists := rest
	lists.Headers = nil
	return map[string]any{
		"HTTP API": httpAPI(body, isBase64),
		"Function URL": events.LambdaFunctionURLRequest{
			Version: "2.0", RawPath: "/", Body: body, IsBase64Encoded: isBase64,
			Headers: map[string]string{"stripe-signature": "t=1,v1=aa"},
			RequestContext: events.LambdaFunctionURLRequestContext{
				HTTP: events.LambdaFunctionURLRequestContextHTTPDescription{Method: "POST", Path: "/"},
			},
		},
		"REST API":              rest,
		"format 1.0, map only":  plain,
		"format 1.0, list only": lists,
	}
}

func TestBothFormatsGiveTheSameRequest(t *testing.T) {
	t.Parallel()
	encoded := base64.StdEncoding.EncodeToString([]byte(body))
	for _, isBase64 := range []bool{false, true} {
		sent := body
		if isBase64 {
			sent = encoded
		}
		for name, event := range shapes(sent, isBase64) {
			r, err := lambdahttp.Parse(encode(t, event), len(body))
			if err != nil {
				t.Errorf("%s, base64 %v: %v", name, isBase64, err)
				continue
			}
			got, err := r.Body()
			if err != nil || string(got) != body || r.TooLarge() {
				t.Errorf("%s, base64 %v: body = %q, too large %v, %v, want %q", name, isBase64, got, r.TooLarge(), err, body)
			}
			if r, err := lambdahttp.Parse(encode(t, event), len(body)-1); err != nil || !r.TooLarge() {
				t.Errorf("%s, base64 %v: a limit of one byte less is kept: %+v, %v", name, isBase64, r, err)
			}
			if got := r.Header("Stripe-Signature"); got != "t=1,v1=aa" || r.Method != "POST" {
				t.Errorf("%s, base64 %v: method %q and signature %q, want POST and t=1,v1=aa", name, isBase64, r.Method, got)
			}
		}
	}
}

func TestHeaderNamesIgnoreCase(t *testing.T) {
	t.Parallel()
	r, err := lambdahttp.Parse([]byte(`{"httpMethod":"POST","headers":{"A":"lost"},"multiValueHeaders":{"a":["1"],"A":["2","\u0033"],"B":[],"D":null}}`), 0)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"a": "1,2,3", "A": "1,2,3", "b": "", "c": "", "d": ""} {
		if got := r.Header(name); got != want {
			t.Errorf("Header(%q) = %q, want %q", name, got, want)
		}
	}
}

// The limit is exact to the byte, in either encoding and for characters that JSON escapes.
func TestLimitOfABodyIsExact(t *testing.T) {
	t.Parallel()
	for _, char := range []string{"x", "\n", "\u0001", "é", "\u2028", "😀"} {
		for n := range 10 {
			sent := strings.Repeat(char, n)
			ascii := encode(t, httpAPI(sent, false)) // the same with every other character escaped
			ascii = []byte(strings.NewReplacer("é", `\u00e9`, "😀", `\ud83d\uDE00`).Replace(string(ascii)))
			for _, payload := range [][]byte{encode(t, httpAPI(sent, false)), encode(t, httpAPI(base64.StdEncoding.EncodeToString([]byte(sent)), true)), ascii} {
				within, err := lambdahttp.Parse(payload, len(sent))
				if err != nil || within.TooLarge() {
					t.Errorf("%d times %q: %+v, %v, want it within a limit of %d", n, char, within, err, len(sent))
					continue
				}
				if body, err := within.Body(); err != nil || string(body) != sent {
					t.Errorf("%d times %q: body %q, %v", n, char, body, err)
				}
				if over, err := lambdahttp.Parse(payload, len(sent)-1); n > 0 && (err != nil || !over.TooLarge()) {
					t.Errorf("%d times %q: %+v, %v, want it above a limit of %d", n, char, over, err, len(sent)-1)
				}
			}
		}
	}
}

// What follows the limit in a body that is too large is not even read: the rest of this event is
// missing.
func TestBodyThatIsTooLargeIsNotReadToItsEnd(t *testing.T) {
	t.Parallel()
	const limit = 1000
	for _, isBase64 := range []bool{false, true} {
		payload := encode(t, httpAPI(strings.Repeat("x", 4*limit), isBase64))
		cut := payload[:strings.Index(string(payload), "xxx")+2*limit]
		r, err := lambdahttp.Parse(cut, limit)
		if err != nil || !r.TooLarge() || r.Method != "POST" || r.Header("Stripe-Signature") != "t=1,v1=aa" {
			t.Fatalf("base64 %v: Parse = %+v, %v, want a request that is too large", isBase64, r, err)
		}
		if body, err := r.Body(); !errors.Is(err, lambdahttp.ErrEncoding) || body != nil {
			t.Errorf("base64 %v: Body = %q, %v, want %v", isBase64, body, err, lambdahttp.ErrEncoding)
		}
	}
	late := `{"body":"` + strings.Repeat("x", 4*limit) + `","headers":{"a":"1"},"httpMethod":"PUT"}`
	if r, err := lambdahttp.Parse([]byte(late), limit); err != nil || !r.TooLarge() || r.Method != "PUT" || r.Header("a") != "1" {
		t.Errorf("Parse of an event with the method at its end = %+v, %v, want a request that is too large", r, err)
	}
	if r, err := lambdahttp.Parse([]byte(late[:3*limit]), limit); !errors.Is(err, lambdahttp.ErrShape) {
		t.Errorf("Parse of an event without a method = %+v, %v, want %v", r, err, lambdahttp.ErrShape)
	}
}

// A flood of large requests must not cost memory either.
func TestRefusalAllocatesLittle(t *testing.T) {
	payload := encode(t, httpAPI(strings.Repeat(`{"a":"b"}`, 4<<20/9), false))
	result := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			r, err := lambdahttp.Parse(payload, 1_000_000)
			if err != nil || !r.TooLarge() || r.Header("Stripe-Signature") == "" {
				b.Fatal(r, err)
			}
		}
	})
	if n := result.AllocedBytesPerOp(); n > 4096 {
		t.Errorf("a request of 4 MB takes %d bytes of memory besides its event, want at most 4096", n)
	}
}

func TestBodyThatIsNotBase64IsRefused(t *testing.T) {
	t.Parallel()
	for _, sent := range []string{"{", "aGk", "aGk=aGk=", "aGk-", "=", "ü"} {
		r, err := lambdahttp.Parse(encode(t, httpAPI(sent, true)), 100)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := r.Body(); !errors.Is(err, lambdahttp.ErrEncoding) || got != nil {
			t.Errorf("Body of %q = %q, %v, want %v", sent, got, err, lambdahttp.ErrEncoding)
		}
	}
}

func TestEventThatIsNotHTTPIsRefused(t *testing.T) {
	t.Parallel()
	for _, payload := range []string{
		``, `null`, `[]`, `"text"`, `{}`, `{"Records":[{"eventSource":"aws:sqs"}]}`, `{"requestContext":{"http":{}}}`,
		`{"httpMethod":"POST","body":{"a":1}}`, `{"httpMethod":"POST","headers":[1]}`, `{"httpMethod":"POST"} {}`,
		`{"httpMethod":"POST","headers":{"a":1}}`, `{"httpMethod":"POST","headers":{"a":["1"]}}`, `{"httpMethod":"POST","multiValueHeaders":{"a":"1"}}`,
		`{"httpMethod":"POST",}`, `{"httpMethod":"POST"`, `{"httpMethod":"POST","body":"x`, `{"httpMethod":"POST","isBase64Encoded":"true"}`,
		`{"httpMethod":"POST" "body":"x"}`, `{"httpMethod":"POST","x":}`, `{"httpMethod":"POST","x":[[}`, `{"httpMethod":5}`, "{\"httpMethod\":\"PO\nST\"}",
	} {
		if r, err := lambdahttp.Parse([]byte(payload), 100); !errors.Is(err, lambdahttp.ErrShape) || r != nil {
			t.Errorf("Parse(%s) = %v, %v, want %v", payload, r, err, lambdahttp.ErrShape)
		}
	}
}

func TestInvokeAnswersInBothFormats(t *testing.T) {
	t.Parallel()
	handle := func(_ context.Context, r *lambdahttp.Request) lambdahttp.Response {
		return lambdahttp.Response{Status: 405, Header: map[string]string{"Allow": "POST"}, Body: r.Method}
	}
	out, err := lambdahttp.Invoke(t.Context(), encode(t, httpAPI("", false)), 0, handle)
	if err != nil {
		t.Fatal(err)
	}
	var v2 events.APIGatewayV2HTTPResponse
	var v1 events.APIGatewayProxyResponse
	if err := errors.Join(json.Unmarshal(out, &v2), json.Unmarshal(out, &v1)); err != nil {
		t.Fatal(err)
	}
	allow := map[string]string{"Allow": "POST"}
	if diff := cmp.Diff(events.APIGatewayV2HTTPResponse{StatusCode: 405, Headers: allow, Body: "POST"}, v2); diff != "" {
		t.Errorf("as format 2.0: -want +got:\n%s", diff)
	}
	if diff := cmp.Diff(events.APIGatewayProxyResponse{StatusCode: 405, Headers: allow, Body: "POST"}, v1); diff != "" {
		t.Errorf("as format 1.0: -want +got:\n%s", diff)
	}
	if _, err := lambdahttp.Invoke(t.Context(), []byte(`{}`), 0, handle); !errors.Is(err, lambdahttp.ErrShape) {
		t.Errorf("Invoke of another event: %v, want %v", err, lambdahttp.ErrShape)
	}
}

func FuzzParse(f *testing.F) {
	seeds, err := filepath.Glob("testdata/events/*.json")
	if err != nil || len(seeds) == 0 {
		f.Fatalf("no seeds in testdata/events: %v", err)
	}
	for _, name := range seeds {
		seed, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		const limit = 200
		r, err := lambdahttp.Parse(payload, limit)
		if err != nil {
			if !errors.Is(err, lambdahttp.ErrShape) || r != nil {
				t.Fatalf("Parse(%q) = %v, %v, want a nil request and %v", payload, r, err, lambdahttp.ErrShape)
			}
			return
		}
		if a, b := r.Header("stripe-signature"), r.Header("STRIPE-SIGNATURE"); a != b {
			t.Errorf("header of %q depends on case: %q and %q", payload, a, b)
		}
		body, err := r.Body()
		if r.Method == "" {
			t.Errorf("Parse(%q) accepted an event without a method", payload)
		}
		if err != nil && (!errors.Is(err, lambdahttp.ErrEncoding) || body != nil) {
			t.Errorf("Body of %q = %q, %v, want nil and %v", payload, body, err, lambdahttp.ErrEncoding)
		}
		checkAgainstJSON(t, payload, r, limit)
	})
}

// checkAgainstJSON compares a request with what encoding/json makes of its event. They differ only
// where a name is written in another way, or twice.
func checkAgainstJSON(t *testing.T, payload []byte, r *lambdahttp.Request, limit int) {
	t.Helper()
	var names map[string]json.RawMessage
	var e struct {
		HTTPMethod      string
		Body            string
		IsBase64Encoded bool
	}
	if !utf8.Valid(payload) || json.Unmarshal(payload, &names) != nil || json.Unmarshal(payload, &e) != nil || len(names) != strings.Count(string(payload), `":`) {
		return
	}
	for name := range names {
		if name != "httpMethod" && name != "body" && name != "isBase64Encoded" {
			return
		}
	}
	want := []byte(e.Body)
	if e.IsBase64Encoded {
		decoded, err := base64.StdEncoding.DecodeString(e.Body)
		if err != nil {
			return
		}
		want = decoded
	}
	got, err := r.Body()
	switch {
	case r.Method != e.HTTPMethod:
		t.Errorf("%q: method %q, want %q", payload, r.Method, e.HTTPMethod)
	case r.TooLarge() && len(want) <= limit:
		t.Errorf("%q: a body of %d bytes is too large", payload, len(want))
	case !r.TooLarge() && (err != nil || !bytes.Equal(got, want)):
		t.Errorf("%q: body %q, %v, want %q", payload, got, err, want)
	}
}

// BenchmarkParse reads an event, and for comparison decodes it as aws-lambda-go does for a function
// that takes a request: of a usual delivery, and of one that is too large.
func BenchmarkParse(b *testing.B) {
	for name, event := range map[string]events.APIGatewayV2HTTPRequest{
		"500B":   httpAPI(strings.Repeat(body, 10), false),
		"4MB":    httpAPI(strings.Repeat(`{"id":"evt_1","object":"event"}`, 4<<20/31), false),
		"base64": httpAPI(base64.StdEncoding.EncodeToString(make([]byte, 4<<20)), true),
	} {
		payload := encode(b, event)
		b.Run(name+"/lambdahttp", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r, err := lambdahttp.Parse(payload, 1_000_000)
				if err != nil || r.Header("Stripe-Signature") == "" {
					b.Fatal(err)
				}
				if _, err := r.Body(); err != nil && !r.TooLarge() {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/encoding-json", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				var r events.APIGatewayV2HTTPRequest
				if err := json.Unmarshal(payload, &r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

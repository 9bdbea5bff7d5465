package lambdahttp_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

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
			r, err := lambdahttp.Parse(encode(t, event))
			if err != nil {
				t.Errorf("%s, base64 %v: %v", name, isBase64, err)
				continue
			}
			got, err := r.Body()
			if err != nil || string(got) != body || r.Size() != len(body) {
				t.Errorf("%s, base64 %v: body = %q of size %d, %v, want %q of size %d", name, isBase64, got, r.Size(), err, body, len(body))
			}
			if got := r.Header("Stripe-Signature"); got != "t=1,v1=aa" || r.Method != "POST" {
				t.Errorf("%s, base64 %v: method %q and signature %q, want POST and t=1,v1=aa", name, isBase64, r.Method, got)
			}
		}
	}
}

func TestHeaderNamesIgnoreCase(t *testing.T) {
	t.Parallel()
	r, err := lambdahttp.Parse([]byte(`{"httpMethod":"POST","headers":{"A":"lost"},"multiValueHeaders":{"a":["3"],"A":["1","2"],"B":[]}}`))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"a": "1,2,3", "A": "1,2,3", "b": "", "c": ""} {
		if got := r.Header(name); got != want {
			t.Errorf("Header(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestSizeOfABase64BodyIsExact(t *testing.T) {
	t.Parallel()
	for n := range 10 {
		sent := strings.Repeat("x", n)
		r, err := lambdahttp.Parse(encode(t, httpAPI(base64.StdEncoding.EncodeToString([]byte(sent)), true)))
		if err != nil || r.Size() != n {
			t.Errorf("Size of %d encoded bytes = %v, %v", n, r.Size(), err)
		}
	}
}

func TestBodyThatIsNotBase64IsRefused(t *testing.T) {
	t.Parallel()
	for _, sent := range []string{"{", "aGk", "aGk=aGk=", "aGk-", "=", "ü"} {
		r, err := lambdahttp.Parse(encode(t, httpAPI(sent, true)))
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
	} {
		if r, err := lambdahttp.Parse([]byte(payload)); !errors.Is(err, lambdahttp.ErrShape) || r != nil {
			t.Errorf("Parse(%s) = %v, %v, want %v", payload, r, err, lambdahttp.ErrShape)
		}
	}
}

func TestInvokeAnswersInBothFormats(t *testing.T) {
	t.Parallel()
	handler := lambdahttp.Handler(func(_ context.Context, r *lambdahttp.Request) lambdahttp.Response {
		return lambdahttp.Response{Status: 405, Header: map[string]string{"Allow": "POST"}, Body: r.Method}
	})
	out, err := handler.Invoke(t.Context(), encode(t, httpAPI("", false)))
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
	if _, err := handler.Invoke(t.Context(), []byte(`{}`)); !errors.Is(err, lambdahttp.ErrShape) {
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
		r, err := lambdahttp.Parse(payload)
		if err != nil {
			if !errors.Is(err, lambdahttp.ErrShape) || r != nil {
				t.Fatalf("Parse(%q) = %v, %v, want a nil request and %v", payload, r, err, lambdahttp.ErrShape)
			}
			return
		}
		body, err := r.Body()
		switch {
		case r.Method == "":
			t.Errorf("Parse(%q) accepted an event without a method", payload)
		case err != nil && (!errors.Is(err, lambdahttp.ErrEncoding) || body != nil):
			t.Errorf("Body of %q = %q, %v, want nil and %v", payload, body, err, lambdahttp.ErrEncoding)
		case err == nil && len(body) > r.Size():
			t.Errorf("Body of %q has %d bytes, Size said %d", payload, len(body), r.Size())
		}
		if a, b := r.Header("stripe-signature"), r.Header("STRIPE-SIGNATURE"); a != b {
			t.Errorf("header of %q depends on case: %q and %q", payload, a, b)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	payload := encode(b, httpAPI(strings.Repeat(body, 10), false))
	b.ReportAllocs()
	for b.Loop() {
		r, err := lambdahttp.Parse(payload)
		if err != nil || r.Header("Stripe-Signature") == "" {
			b.Fatal(err)
		}
	}
}

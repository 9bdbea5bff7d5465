package bus_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/awstest"
	"github.com/meterbridge/meterbridge/internal/bus"
)

// wireEntry is an entry as PutEvents sends it.
type wireEntry struct {
	EventBusName, Source, DetailType, Detail, TraceHeader string
	Resources                                             []string
	Time                                                  float64
}

// wireResult is the answer for one entry.
type wireResult struct{ EventId, ErrorCode, ErrorMessage string }

// eventBridge stands in for the service. failures has, for a detail type, the error codes of its
// first attempts.
type eventBridge struct {
	mu       sync.Mutex
	failures map[string][]string
	requests [][]wireEntry
	stored   []wireEntry
}

func (e *eventBridge) putEvents(input []byte) (any, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	var request struct{ Entries []wireEntry }
	if err := json.Unmarshal(input, &request); err != nil {
		return nil, err
	}
	e.requests = append(e.requests, request.Entries)
	if slices.ContainsFunc(request.Entries, func(e wireEntry) bool { return e.DetailType == "invalid.request" }) {
		return nil, &awstest.Error{Status: 400, Code: "ValidationException", Message: "1 validation error detected"}
	}
	var results []wireResult
	var failed int
	for _, entry := range request.Entries {
		code := e.next(entry.DetailType)
		if code != "" {
			failed++
			results = append(results, wireResult{ErrorCode: code, ErrorMessage: "injected"})
			continue
		}
		e.stored = append(e.stored, entry)
		results = append(results, wireResult{EventId: fmt.Sprintf("id-%d", len(e.stored))})
	}
	return map[string]any{"FailedEntryCount": failed, "Entries": results}, nil
}

func (e *eventBridge) next(detailType string) string {
	codes := e.failures[detailType]
	if len(codes) == 0 {
		return ""
	}
	e.failures[detailType] = codes[1:]
	return codes[0]
}

func (e *eventBridge) storedTypes() []string {
	var stored []string
	for _, entry := range e.stored {
		stored = append(stored, entry.DetailType)
	}
	return stored
}

func newBus(t *testing.T, service *eventBridge, opts *bus.Options) *bus.Bus {
	t.Helper()
	config := awstest.Config(t, map[string]awstest.Operation{"AWSEvents.PutEvents": service.putEvents})
	if opts == nil {
		opts = new(bus.Options)
	}
	opts.Delay = func(int) time.Duration { return 0 }
	return bus.New(eventbridge.NewFromConfig(config), "arn:aws:events:us-east-1:000000000000:event-bus/b", opts)
}

func entries(types ...string) []bus.Entry {
	var list []bus.Entry
	for _, t := range types {
		list = append(list, bus.Entry{Source: "stripe.thin", DetailType: t, Detail: json.RawMessage(`{}`)})
	}
	return list
}

func TestEntriesArriveByteForByte(t *testing.T) {
	t.Parallel()
	var service eventBridge
	detail := "{ \"note\": \"Zürich <&>\u2028\",\n\"n\": 1.0 }"
	results := newBus(t, &service, nil).Put(t.Context(), []bus.Entry{
		{
			Source: "stripe.thin", DetailType: "v1.a[b].c", Detail: json.RawMessage(detail), Resources: []string{"mtr_1"},
			Time: time.Unix(1_700_000_000, 0), TraceHeader: "Root=1-2",
		},
		{Source: "s", DetailType: "t", Detail: json.RawMessage(`{}`)},
	})
	if diff := cmp.Diff([]error{nil, nil}, results); diff != "" {
		t.Fatalf("results: -want +got:\n%s", diff)
	}
	const name = "arn:aws:events:us-east-1:000000000000:event-bus/b"
	want := []wireEntry{
		{name, "stripe.thin", "v1.a[b].c", detail, "Root=1-2", []string{"mtr_1"}, 1_700_000_000},
		{EventBusName: name, Source: "s", DetailType: "t", Detail: `{}`},
	}
	if diff := cmp.Diff(want, service.stored); diff != "" {
		t.Errorf("stored: -want +got:\n%s", diff)
	}
}

func TestOnlyTemporaryFailuresAreSentAgain(t *testing.T) {
	t.Parallel()
	service := &eventBridge{failures: map[string][]string{
		"b": {"ThrottlingException"}, "d": {"InternalFailure", "ThrottlingException", "InternalFailure"},
	}}
	results := newBus(t, service, nil).Put(t.Context(), entries("a", "b", "c", "d"))
	if diff := cmp.Diff([]error{nil, nil, nil, nil}, results); diff != "" {
		t.Errorf("results: -want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"a", "c", "b", "d"}, service.storedTypes()); diff != "" {
		t.Errorf("stored, each once: -want +got:\n%s", diff)
	}
	if len(service.requests) != 4 {
		t.Errorf("%d requests, want 4", len(service.requests))
	}
}

func TestPermanentFailureIsReportedWithItsCode(t *testing.T) {
	t.Parallel()
	throttled := []string{"ThrottlingException", "ThrottlingException", "ThrottlingException"}
	tests := []struct {
		code     string
		script   []string
		invalid  bool
		requests int
	}{
		{code: "ThrottlingException", script: throttled, requests: 3},
		{code: "AccessDeniedException", requests: 1},
		{code: "NotAuthorizedForSourceException", requests: 1},
		{code: "InvalidArgument", invalid: true, requests: 1},
		{code: "MalformedDetail", invalid: true, requests: 1},
	}
	for _, tt := range tests {
		if tt.script == nil {
			tt.script = []string{tt.code}
		}
		service := &eventBridge{failures: map[string][]string{"b": tt.script}}
		results := newBus(t, service, &bus.Options{Attempts: 3}).Put(t.Context(), entries("a", "b", "c"))
		refusal, ok := errors.AsType[*bus.EntryError](results[1])
		if !ok || refusal.Code != tt.code || errors.Is(results[1], bus.ErrInvalid) != tt.invalid {
			t.Errorf("%s: result %v, want that code and invalid = %v", tt.code, results[1], tt.invalid)
		}
		if results[0] != nil || results[2] != nil || len(service.requests) != tt.requests {
			t.Errorf("%s: others %v and %v after %d requests, want nil after %d", tt.code, results[0], results[2], len(service.requests), tt.requests)
		}
	}
}

func TestRequestsHaveAtMostTenEntries(t *testing.T) {
	t.Parallel()
	var service eventBridge
	newBus(t, &service, nil).Put(t.Context(), entries(strings.Split(strings.Repeat("x,", 23), ",")[:23]...))
	var sizes []int
	for _, request := range service.requests {
		sizes = append(sizes, len(request))
	}
	if diff := cmp.Diff([]int{10, 10, 3}, sizes); diff != "" {
		t.Errorf("entries per request: -want +got:\n%s", diff)
	}
}

func TestRequestsStayWithinTheByteLimit(t *testing.T) {
	t.Parallel()
	var service eventBridge
	list := entries(strings.Split(strings.Repeat("x,", 23), ",")[:23]...)
	list[3].Detail = json.RawMessage(`"` + strings.Repeat("d", 60) + `"`)
	list[7].Detail = list[3].Detail
	list[9].Resources = []string{strings.Repeat("r", 100)}
	list[9].Time = time.Unix(1, 0) // 14 bytes more: 11 + 1 + 2 + 100 + 14 = 128
	results := newBus(t, &service, &bus.Options{MaxBytes: 127}).Put(t.Context(), list)
	for i, result := range results {
		if want := error(nil); i != 9 && result != want || i == 9 && !errors.Is(result, bus.ErrTooLarge) {
			t.Errorf("result %d = %v, want only entry 9 too large", i, result)
		}
	}
	var stored int
	for _, request := range service.requests {
		size := 0
		for _, e := range request {
			size += len(e.Source) + len(e.DetailType) + len(e.Detail)
		}
		if size > 127 {
			t.Errorf("request of %d bytes, want at most 127", size)
		}
		stored += len(request)
	}
	if stored != 22 {
		t.Errorf("%d entries stored, want 22", stored)
	}
}

func TestInvalidEntryDoesNotFailTheOthersOfItsRequest(t *testing.T) {
	t.Parallel()
	var service eventBridge
	results := newBus(t, &service, nil).Put(t.Context(), entries("a", "invalid.request", "c"))
	if results[0] != nil || !errors.Is(results[1], bus.ErrInvalid) || results[2] != nil {
		t.Errorf("results = %v, want only the second to be %v", results, bus.ErrInvalid)
	}
	if diff := cmp.Diff([]string{"a", "c"}, service.storedTypes()); diff != "" {
		t.Errorf("stored: -want +got:\n%s", diff)
	}
}

func TestFailedRequestLeavesItsEntriesRetryable(t *testing.T) {
	t.Parallel()
	denied := &awstest.Error{Status: 400, Code: "AccessDeniedException", Message: "not you"}
	short := map[string]any{"FailedEntryCount": 0, "Entries": []wireResult{{EventId: "1"}, {}}}
	for name, operation := range map[string]awstest.Operation{
		"refused":     func([]byte) (any, error) { return nil, denied },
		"down":        func([]byte) (any, error) { return nil, &awstest.Error{Status: 503, Code: "ServiceUnavailable"} },
		"unconfirmed": func([]byte) (any, error) { return short, nil },
		"silent":      func([]byte) (any, error) { return nil, awstest.Hang },
	} {
		config := awstest.Config(t, map[string]awstest.Operation{"AWSEvents.PutEvents": operation})
		b := bus.New(eventbridge.NewFromConfig(config), "b", &bus.Options{Budget: 200 * time.Millisecond})
		results := b.Put(t.Context(), entries("a", "b", "c"))
		if results[1] == nil || results[2] == nil || errors.Is(results[1], bus.ErrInvalid) {
			t.Errorf("%s: results = %v, want errors that may be temporary for the second and third", name, results)
		}
		if silent := errors.Is(results[0], context.DeadlineExceeded); silent != (name == "silent") {
			t.Errorf("%s: result %v is a deadline: %v", name, results[0], silent)
		}
	}
}

// throttled is an EventBridge that throttles every entry.
type throttled struct{ calls []time.Duration }

func (c *throttled) PutEvents(ctx context.Context, in *eventbridge.PutEventsInput, _ ...func(*eventbridge.Options)) (*eventbridge.PutEventsOutput, error) {
	deadline, _ := ctx.Deadline()
	c.calls = append(c.calls, time.Until(deadline))
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	out := new(eventbridge.PutEventsOutput)
	for range in.Entries {
		out.Entries = append(out.Entries, types.PutEventsResultEntry{ErrorCode: aws.String("ThrottlingException")})
	}
	return out, nil
}

func TestPutEndsWithItsBudget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var client throttled
		start := time.Now()
		results := bus.New(&client, "b", &bus.Options{Attempts: 100, Budget: 2 * time.Second}).Put(t.Context(), entries("a"))
		if refusal, ok := errors.AsType[*bus.EntryError](results[0]); !ok || !refusal.Retryable() {
			t.Errorf("result = %v, want the refusal, not the deadline that ended the attempts", results[0])
		}
		if took := time.Since(start); took != 2*time.Second {
			t.Errorf("Put took %v, want the whole budget of 2s", took)
		}
		if len(client.calls) < 4 || client.calls[0] != 2*time.Second {
			t.Errorf("remaining time at each attempt: %v, want at least 4, beginning at 2s", client.calls)
		}
	})
}

func TestPutOfNothingMakesNoRequest(t *testing.T) {
	t.Parallel()
	if results := newBus(t, new(eventBridge), nil).Put(t.Context(), nil); len(results) != 0 {
		t.Errorf("Put of nothing = %v", results)
	}
}

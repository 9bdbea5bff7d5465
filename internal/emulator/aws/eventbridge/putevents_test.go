package eventbridge_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/awsjson"
	emulated "github.com/meterbridge/meterbridge/internal/emulator/aws/eventbridge"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sdktest"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/target"
)

// buses are the default bus and the bus "meterbridge", which keep their events and fail entries of
// one source.
type buses struct {
	failing string

	mu      sync.Mutex
	entries []emulated.Entry
	activity.History
}

func (b *buses) client(t *testing.T) *eventbridge.Client {
	t.Helper()
	service := emulated.New(target.NewDirectory(nil, &b.History), nil)
	for _, name := range []string{"default", "meterbridge"} {
		service.AddBus(emulated.BusConfig{Name: name, Accept: b.accept})
	}
	return eventbridge.NewFromConfig(sdktest.Config(sdktest.Serve(t, awsjson.New(nil, service.Operations()))))
}

func (b *buses) accept(e emulated.Entry) *awsjson.Error {
	if e.Source == b.failing {
		return &awsjson.Error{Code: "ThrottlingException", Message: "Rate exceeded"}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.entries = append(b.entries, e)
	return nil
}

// valid returns an entry that EventBridge accepts.
func valid() types.PutEventsRequestEntry {
	return types.PutEventsRequestEntry{
		EventBusName: aws.String("meterbridge"), Source: aws.String("stripe.thin"),
		DetailType: aws.String("v1.billing.meter.no_meter_found"), Detail: aws.String(`{"id": "evt_1"}`),
	}
}

func putInput(entries ...types.PutEventsRequestEntry) *eventbridge.PutEventsInput {
	return &eventbridge.PutEventsInput{Entries: entries}
}

func TestEntriesArriveUnchanged(t *testing.T) {
	t.Parallel()
	buses := &buses{}
	client := buses.client(t)
	full := valid()
	full.EventBusName = aws.String("arn:aws:events:us-east-1:000000000000:event-bus/meterbridge")
	full.Resources, full.TraceHeader = []string{"mtr_1"}, aws.String("Root=1-0-0")
	full.Time = aws.Time(time.UnixMilli(1_700_000_000_123))
	bare := valid()
	bare.EventBusName = nil

	out, err := client.PutEvents(t.Context(), putInput(full, bare))
	if err != nil {
		t.Fatalf("PutEvents: %v", err)
	}
	if out.FailedEntryCount != 0 || aws.ToString(out.Entries[0].EventId) == "" {
		t.Errorf("output %+v, want no failure and an id each", out)
	}
	entry := emulated.Entry{Bus: "default", Source: "stripe.thin", DetailType: "v1.billing.meter.no_meter_found", Detail: []byte(`{"id": "evt_1"}`)}
	rich := entry
	rich.Bus, rich.Resources, rich.TraceHeader = "meterbridge", []string{"mtr_1"}, "Root=1-0-0"
	rich.Time = time.UnixMilli(1_700_000_000_123).UTC()
	if diff := cmp.Diff([]emulated.Entry{rich, entry}, buses.entries); diff != "" {
		t.Errorf("entries on the bus (-want +got):\n%s", diff)
	}
}

func TestInvalidEntriesFailAlone(t *testing.T) {
	t.Parallel()
	// with returns a valid entry changed by f.
	with := func(f func(*types.PutEventsRequestEntry)) types.PutEventsRequestEntry {
		e := valid()
		f(&e)
		return e
	}
	detail := func(text string) types.PutEventsRequestEntry {
		return with(func(e *types.PutEventsRequestEntry) { e.Detail = &text })
	}
	for _, tt := range []struct {
		name  string
		entry types.PutEventsRequestEntry
		want  string
	}{
		{"valid", valid(), ""},
		{"failed by the bus", with(func(e *types.PutEventsRequestEntry) { e.Source = aws.String("throttled") }), "ThrottlingException"},
		{"no source", with(func(e *types.PutEventsRequestEntry) { e.Source = nil }), "InvalidArgument"},
		{"no detail type", with(func(e *types.PutEventsRequestEntry) { e.DetailType = nil }), "InvalidArgument"},
		{"no detail", with(func(e *types.PutEventsRequestEntry) { e.Detail = nil }), "InvalidArgument"},
		{"longest detail type", with(func(e *types.PutEventsRequestEntry) { e.DetailType = aws.String(strings.Repeat("t", 128)) }), ""},
		{"detail type too long", with(func(e *types.PutEventsRequestEntry) { e.DetailType = aws.String(strings.Repeat("t", 129)) }), "InvalidArgument"},
		{"source too long", with(func(e *types.PutEventsRequestEntry) { e.Source = aws.String(strings.Repeat("s", 257)) }), "InvalidArgument"},
		{"trace header too long", with(func(e *types.PutEventsRequestEntry) { e.TraceHeader = aws.String(strings.Repeat("s", 501)) }), "InvalidArgument"},
		{"AWS's own source", with(func(e *types.PutEventsRequestEntry) { e.Source = aws.String("aws.partner/stripe.com/ed_1") }), "NotAuthorizedForSource"},
		{"detail not JSON", detail(`{"id"`), "MalformedDetail"},
		{"detail an array", detail(`[{}]`), "MalformedDetail"},
		{"detail a string", detail(`"{}"`), "MalformedDetail"},
		{"detail with space before it", detail("\n {}"), ""},
		{"deepest detail", detail(nested(1000)), ""},
		{"detail too deep", detail(nested(1001)), "MalformedDetail"},
		{"brackets in a string", detail(`{"a":"\"` + strings.Repeat("[", 2000) + `"}`), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			buses := &buses{failing: "throttled"}
			out, err := buses.client(t).PutEvents(t.Context(), putInput(valid(), tt.entry, valid()))
			if err != nil {
				t.Fatalf("PutEvents: %v", err)
			}
			if got := aws.ToString(out.Entries[1].ErrorCode); got != tt.want {
				t.Errorf("error code %q (%s), want %q", got, aws.ToString(out.Entries[1].ErrorMessage), tt.want)
			}
			failed := 0
			if tt.want != "" {
				failed = 1
			}
			if int(out.FailedEntryCount) != failed || len(buses.entries) != 3-failed {
				t.Errorf("%d failed, %d on the bus; want %d and %d", out.FailedEntryCount, len(buses.entries), failed, 3-failed)
			}
			if out.Entries[0].EventId == nil || out.Entries[2].EventId == nil {
				t.Errorf("neighbours %+v, want both to have an id", out.Entries)
			}
		})
	}
}

// nested returns an object nested n levels deep.
func nested(n int) string {
	return strings.Repeat(`{"a":`, n-1) + "{}" + strings.Repeat("}", n-1)
}

func TestCallOutsideItsLimitsIsRefused(t *testing.T) {
	t.Parallel()
	client := (&buses{}).client(t)
	// sized returns an entry that counts n bytes, by AWS's rule.
	sized := func(n int) types.PutEventsRequestEntry {
		e := types.PutEventsRequestEntry{Source: aws.String("s"), DetailType: aws.String("t"), Time: aws.Time(time.UnixMilli(0)), Resources: []string{"r"}}
		e.Detail = aws.String(`{"a":"` + strings.Repeat("x", n-14-3-len(`{"a":""}`)) + `"}`)
		return e
	}
	for name, entries := range map[string][]types.PutEventsRequestEntry{
		"no entries":       {},
		"eleven entries":   make([]types.PutEventsRequestEntry, 11),
		"1 MiB":            {sized(1 << 20)},
		"1 MiB, two parts": {sized(1 << 19), sized(1 << 19)},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := client.PutEvents(t.Context(), putInput(entries...))
			sdktest.WantCode(t, err, "ValidationException")
		})
	}
	if _, err := client.PutEvents(t.Context(), putInput(sized(1<<19), sized(1<<19-1))); err != nil {
		t.Errorf("PutEvents of one byte less than 1 MiB: %v", err)
	}
}

func TestEntryForAMissingBusIsDroppedWithAWarning(t *testing.T) {
	t.Parallel()
	buses := &buses{}
	client := buses.client(t)
	lost := valid()
	lost.EventBusName = aws.String("typo")
	out, err := client.PutEvents(t.Context(), putInput(lost))
	if err != nil || out.FailedEntryCount != 0 || aws.ToString(out.Entries[0].EventId) == "" {
		t.Errorf("PutEvents to a bus that does not exist = %+v, %v; want success, as AWS answers", out, err)
	}
	if len(buses.entries) != 0 {
		t.Errorf("bus received %+v, want nothing", buses.entries)
	}
	if want := `bus "typo", which does not exist`; !strings.Contains(buses.Text(activity.Warned), want) {
		t.Errorf("warnings %q, want one with %q", buses.Text(activity.Warned), want)
	}
}

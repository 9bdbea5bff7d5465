package main

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/meterbridge/meterbridge/internal/bus"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
)

var noon = time.Date(2026, 11, 22, 12, 0, 1, 203_000_000, time.Local)

var testNames = names{
	webhook: "WebhookFunction", fetchQueue: "FetchQueue",
	consumers: map[string]string{"MeterAlertsFunction": "MeterAlertsFunction", "Orders": "OrdersFunction", "Archive": ""},
}

// tellStory returns the story of steps, as it is shown in a file.
func tellStory(flags outputFlags, steps ...activity.Step) string {
	var out strings.Builder
	c := newConsole(process{env: func(string) (string, bool) { return "", false }, stderr: &out}, flags)
	c.ready(testNames, time.Now)
	for _, step := range steps {
		step.Time = noon
		c.Observe(step)
	}
	c.flush()
	return out.String()
}

func logged(function, line string) activity.Step {
	return activity.Step{Kind: activity.Logged, Name: function, Text: line}
}

func TestEachStepIsALineWithItsReason(t *testing.T) {
	t.Parallel()
	failure := errors.New("KeyError: 'x'")
	answered := activity.Step{Kind: activity.Answered, Name: "WebhookFunction", RequestID: "r-1", Status: 400, EventID: "evt_1"}
	refusal := logged("WebhookFunction", `{"message":"delivery","status":400,"outcome":"invalid_signature","reason":"mismatch","error":"x","requestId":"r-1"}`)
	returned := activity.Step{Kind: activity.Returned, Name: "FetcherFunction", Target: "FetchQueue", EventID: "evt_1", MessageID: "m", Attempt: 3, Attempts: 1000, After: 28 * time.Second}
	deferral := func(text string) activity.Step {
		return logged("FetcherFunction", `{"message":"delivery","outcome":"deferred","message_id":"m","attempt":3,`+text+`}`)
	}
	for name, tt := range map[string]struct {
		steps []activity.Step
		want  string
	}{
		"refused, and the log line is late":    {[]activity.Step{answered, refusal}, "refused    400: no secret matches"},
		"refused, and the log line is early":   {[]activity.Step{refusal, answered}, "refused    400: no secret matches"},
		"refused, and another's log line":      {[]activity.Step{answered, logged("F", strings.ReplaceAll(refusal.Text, "r-1", "r-2"))}, "refused    400: Bad Request"},
		"refused with a code that has no word": {[]activity.Step{answered, logged("F", strings.ReplaceAll(refusal.Text, "mismatch", "brand_new"))}, "refused    400: brand_new"},
		"answered":                             {[]activity.Step{{Kind: activity.Answered, Name: "WebhookFunction", Status: 200, EventID: "evt_1", Took: 3700 * time.Microsecond}}, "answered   200 in 3.7 ms"},
		"answered by another function":         {[]activity.Step{{Kind: activity.Answered, Name: "AdminFunction", Status: 404, EventID: "evt_1", Took: time.Second}}, "answered   404 by Admin in 1 s"},
		"function failed":                      {[]activity.Step{{Kind: activity.Answered, Name: "WebhookFunction", Status: 500, EventID: "evt_1", Err: failure}}, "failed     500: Webhook failed: KeyError: 'x'"},
		"no route": {
			[]activity.Step{{Kind: activity.Unrouted, Status: 404, EventID: "evt_1", Text: "POST /webhok", Target: "POST /webhook"}},
			"refused    404: POST /webhok, did you mean /webhook",
		},
		"another method": {
			[]activity.Step{{Kind: activity.Unrouted, Status: 404, EventID: "evt_1", Text: "GET /webhook", Target: "POST /webhook"}},
			"refused    404: GET /webhook, did you mean POST /webhook",
		},
		"nothing like a route": {[]activity.Step{{Kind: activity.Unrouted, Status: 404, EventID: "evt_1", Text: "GET /favicon.ico"}}, "refused    404: GET /favicon.ico, which no route matches"},
		"too large":            {[]activity.Step{{Kind: activity.Unrouted, Status: 413, EventID: "evt_1", Text: "POST /webhook", Target: "POST /webhook"}}, "refused    413: POST /webhook, larger than API Gateway accepts"},
		"retried":              {[]activity.Step{returned, deferral(`"reason":"not_found","tries":2,"max_tries":5`)}, "retry      not_found, again in 28 s (2 of 5)"},
		"retried, early line":  {[]activity.Step{deferral(`"reason":"not_found","tries":2,"max_tries":5`), returned}, "retry      not_found, again in 28 s (2 of 5)"},
		"held":                 {[]activity.Step{returned, deferral(`"reason":"held"`)}, "held       another delivery of it is being handled, again in 28 s"},
		"retried, no line":     {[]activity.Step{returned}, "retry      returned to FetchQueue, again in 28 s"},
		"retried after a crash": {
			[]activity.Step{{Kind: activity.Returned, Name: "FetcherFunction", Target: "FetchQueue", EventID: "evt_1", Attempt: 1, Attempts: 1000, After: 6 * time.Minute, Err: failure}},
			"retry      Fetcher failed: KeyError: 'x', again in 6 min (1 of 1000)",
		},
		"duplicate": {[]activity.Step{logged("FetcherFunction", `{"message":"delivery","outcome":"duplicate","message_id":"m","event_id":"evt_1"}`)}, "duplicate  emitted or parked before"},
		"given up": {
			[]activity.Step{{Kind: activity.Put, Source: bus.SourceFailure, EventID: "evt_1", Envelope: []byte(`{"detail":{"reason":"not_found"}}`)}},
			"gave up    not_found: Stripe does not have the event",
		},
		"parked":                    {[]activity.Step{{Kind: activity.Parked, Name: "DeadLetters", EventID: "evt_1", Text: "not_found"}}, "parked     in DeadLetters: not_found"},
		"snapshot":                  {[]activity.Step{{Kind: activity.Put, Source: bus.SourceSnapshot, EventID: "evt_1", EventType: "customer.created"}}, "stored     customer.created, a snapshot"},
		"another source on the bus": {[]activity.Step{{Kind: activity.Put, Source: "mine", EventID: "evt_1", EventType: "t"}}, "put        mine t"},
		"consumer ok": {
			[]activity.Step{{Kind: activity.Invoked, Name: "MeterAlertsFunction", EventID: "evt_1", Attempt: 1, Attempts: 3, Took: 12 * time.Millisecond}},
			"consumer   MeterAlerts ok in 12 ms",
		},
		"consumer failed": {
			[]activity.Step{{Kind: activity.Invoked, Name: "MeterAlertsFunction", EventID: "evt_1", Attempt: 1, Attempts: 3, After: time.Second, Err: failure}},
			"consumer   MeterAlerts failed: KeyError: 'x'; again in 1 s (1 of 3)",
		},
		"consumer dropped": {
			[]activity.Step{
				{Kind: activity.Invoked, Name: "MeterAlertsFunction", EventID: "evt_1", Attempt: 3, Attempts: 3, Err: failure},
				{Kind: activity.GaveUp, Name: "MeterAlertsFunction", EventID: "evt_1", Attempt: 3, Kept: "ConsumerFailures", Err: failure},
			},
			"consumer   MeterAlerts failed: KeyError: 'x'; dropped after 3 tries → ConsumerFailures",
		},
		"consumer not reached, and a dead-letter queue": {
			[]activity.Step{
				{Kind: activity.Parked, Name: "Undelivered", Target: "Orders", EventID: "evt_1", Text: "refused"},
				{Kind: activity.Undelivered, Name: "Rule", Target: "Orders", EventID: "evt_1", Kept: "Undelivered", Err: errors.New("refused")},
			},
			"consumer   Orders dropped: refused → Undelivered",
		},
		"consumer not reached": {
			[]activity.Step{{Kind: activity.Undelivered, Name: "Rule", Target: "Archive", EventID: "evt_1", Err: errors.New("refused")}},
			"consumer   Rule could not deliver to Archive: refused; dropped: no dead-letter queue",
		},
		"reader ok":     {[]activity.Step{{Kind: activity.Invoked, Name: "OrdersFunction", Target: "Orders", Batch: []string{"evt_1"}, Count: 1, Took: time.Second}}, "consumer   Orders ok in 1 s"},
		"reader failed": {[]activity.Step{{Kind: activity.Returned, Name: "OrdersFunction", Target: "Orders", EventID: "evt_1", Attempt: 3, Attempts: 3, Err: failure}}, "consumer   Orders failed: KeyError: 'x'; given up after 3 tries"},
		"schedule failed": {
			[]activity.Step{{Kind: activity.Invoked, Name: "ReconcilerFunction", EventID: "evt_1", Attempt: 1, Attempts: 3, After: time.Second, Err: failure}},
			"failed     Reconciler failed: KeyError: 'x'; again in 1 s (1 of 3)",
		},
		"faults": {[]activity.Step{{Kind: activity.Faulted, Name: "events-lost", Text: "PutEvents", Batch: []string{"evt_1", "evt_2"}}}, "fault      events-lost: PutEvents, with 1 other event"},
	} {
		if got, want := tellStory(outputFlags{}, tt.steps...), "12:00:01.203  evt_1          "+tt.want+"\n"; got != want {
			t.Errorf("%s:\n%swant\n%s", name, got, want)
		}
	}
}

// A function that logs errors only says nothing about a refusal: the line comes without a reason,
// and only once.
func TestStoryDoesNotWaitForEverForAReason(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		c := newConsole(process{env: func(string) (string, bool) { return "", false }, stderr: &out}, outputFlags{})
		c.ready(testNames, time.Now)
		c.Observe(activity.Step{Kind: activity.Answered, Name: "WebhookFunction", RequestID: "r-1", Status: 400, EventID: "evt_1"})
		synctest.Wait()
		if out.Len() > 0 {
			t.Errorf("told at once: %s", out.String())
		}
		time.Sleep(patience)
		synctest.Wait()
		c.Observe(logged("WebhookFunction", `{"message":"delivery","status":400,"reason":"mismatch","requestId":"r-1"}`))
		if got := out.String(); strings.Count(got, "refused") != 1 || !strings.Contains(got, "400: Bad Request") {
			t.Errorf("told %q, want one refusal", got)
		}
	})
}

// What a function logs about deliveries whose steps never arrive must not fill the memory.
func TestLinesWithoutStepsAreForgotten(t *testing.T) {
	t.Parallel()
	j := newLogJoin()
	for i := range 5000 {
		j.add(logLine{Outcome: "deferred", MessageID: "m", Attempt: i})
	}
	if len(j.lines) > 1000 || len(j.keys) > 1000 {
		t.Errorf("%d lines kept, want at most 1000", len(j.lines))
	}
}

package main

import (
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/rivo/uniseg"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
)

// The sender of an event chooses its id and type.
func TestControlCharactersAreNotPrinted(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	c := newConsole(process{env: os.LookupEnv, stderr: &out}, outputFlags{verbose: true})
	hostile := "\x1b[2Jevt\u009b\r\n\u202e"
	for kind := activity.Building; kind <= activity.Warned; kind++ {
		c.Observe(activity.Step{Kind: kind, EventID: hostile, EventType: hostile, Source: hostile, Name: hostile, Target: hostile, Text: hostile})
	}
	c.flush()
	c.fetched(hostile, hostile, 200)
	if i := strings.IndexFunc(out.String(), func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); i >= 0 {
		t.Errorf("the output contains %q", out.String()[i:])
	}
}

// longSteps is a step of every kind, with texts that are longer than a line.
func longSteps() (steps []activity.Step) {
	long := strings.Repeat("a text that does not fit on a line, with_a_word_that_does_not_either_"+strings.Repeat("x", 90)+" ", 2)
	for kind := activity.Building; kind <= activity.Warned; kind++ {
		steps = append(steps, activity.Step{
			Kind: kind, Time: noon, EventID: "evt_test_" + strings.Repeat("0123456789", 20), EventType: "v1.billing.meter.error_report_triggered", Source: "stripe.event",
			Name: "ThisFunctionHasTheLongestNameThatLambdaAllowsWhichIs64CharactersLong", Target: "AQueueWithALongNameThatIsTheTargetOfTheRule", Text: long,
			Attempt: 1, Attempts: 2, After: time.Hour, Took: time.Second, Err: errors.New(long), Batch: []string{"evt_1"}, Count: 1,
		})
	}
	return steps
}

// On a terminal no line is longer than it is wide, and ids are elided; elsewhere nothing is cut.
func TestNoLineIsWiderThanTheTerminal(t *testing.T) {
	t.Parallel()
	for _, width := range []int{60, 80, 120, 0} {
		var out strings.Builder
		c := newConsole(process{env: os.LookupEnv, stderr: &out}, outputFlags{verbose: true})
		c.screen.width = func() int { return width }
		c.screen.color = true
		for _, step := range longSteps() {
			c.Observe(step)
		}
		c.flush()
		c.account(account{Stored: 1234, Emitted: 1234, Refused: map[string]int{strings.Repeat("400: many words ", 10): 3}})
		ended := regexp.MustCompile("\x1b\\[[0-9]*m").ReplaceAllString(out.String(), "")
		for line := range strings.Lines(ended) {
			if n := uniseg.StringWidth(strings.TrimSuffix(line, "\n")); width > 0 && n > width {
				t.Errorf("width %d: a line has %d columns: %s", width, n, line)
			}
		}
		if whole := strings.Contains(ended, "evt_test_"+strings.Repeat("0123456789", 20)); whole != (width == 0) {
			t.Errorf("width %d: the whole id is printed: %t", width, whole)
		}
	}
}

// --quiet leaves warnings, failures and the account, and no refusal of a sample.
func TestQuietLeavesWarningsFailuresAndTheAccount(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	c := newConsole(process{env: os.LookupEnv, stderr: &out}, outputFlags{quiet: true})
	c.ready(testNames, time.Now)
	c.note("Listening")
	c.fact("secret", "whsec_")
	refused := activity.Step{Kind: activity.Unrouted, Time: noon, Status: 404, Text: "GET /sample"}
	c.samples(true)
	c.Observe(refused)
	c.samples(false)
	refused.Text = "GET /real"
	c.Observe(refused)
	c.warn("beware")
	c.Observe(activity.Step{Kind: activity.Matched, Time: noon, Name: "Rule", Target: "Queue"})
	c.Observe(activity.Step{Kind: activity.Parked, Time: noon, Name: "DeadLetters", EventID: "evt_1", Text: "not_found"})
	c.account(account{Stored: 1})
	want := "12:00:01.203                 refused    404: GET /real, which no route matches\n" +
		"  warning  beware\n" +
		"12:00:01.203  evt_1          parked     in DeadLetters: not_found\n" +
		"\n1 thin event stored: 0 emitted in full, 0 parked, 0 of types that no rule fetches, 0 lost\n"
	if got := out.String(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if refusals := c.refusals(); len(refusals) != 2 {
		t.Errorf("refusals in the account: %v, want both", refusals)
	}
}

// An account of nothing is silence.
func TestNothingIsSaidIfNothingHappened(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	c := newConsole(process{env: os.LookupEnv, stderr: &out}, outputFlags{})
	c.account(account{Consumers: []consumption{{Name: "C"}}})
	if out.Len() > 0 {
		t.Errorf("said %q", out.String())
	}
}

// --output json writes an object for each step on standard output, and nothing on standard error.
func TestJSONHasAnObjectForEachStep(t *testing.T) {
	t.Parallel()
	var stdout, stderr strings.Builder
	c := newConsole(process{env: os.LookupEnv, stdout: &stdout, stderr: &stderr}, outputFlags{output: outputJSON, logs: []string{"Fetcher"}})
	c.ready(testNames, time.Now)
	c.note("Listening")
	for _, step := range []activity.Step{
		{Kind: activity.Answered, Name: "WebhookFunction", RequestID: "r", Status: 400, EventID: "evt_1", Took: 1260 * time.Microsecond},
		logged("WebhookFunction", `{"message":"delivery","status":400,"reason":"mismatch","error":"x","requestId":"r"}`),
		logged("FetcherFunction", `{"_aws":{},"Emitted":1}`),
		logged("FetcherFunction", `not JSON`),
		{Kind: activity.GaveUp, Name: "MeterAlertsFunction", EventID: "evt_1", Attempt: 3, Kept: "Failures", Err: errors.New("x")},
	} {
		step.Time = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
		c.Observe(step)
	}
	want := `{"time":"2026-11-22T09:00:00Z","kind":"refused","event_id":"evt_1","name":"WebhookFunction","status":400,"reason":"mismatch","text":"400: no secret matches","took_ms":1.3}
{"time":"2026-11-22T09:00:00Z","kind":"log","name":"FetcherFunction","log":{"_aws":{},"Emitted":1}}
{"time":"2026-11-22T09:00:00Z","kind":"log","name":"FetcherFunction","log":"not JSON"}
{"time":"2026-11-22T09:00:00Z","kind":"consumer","event_id":"evt_1","name":"MeterAlertsFunction","outcome":"dropped","text":"MeterAlerts failed: x; dropped after 3 tries → Failures","attempt":3,"kept":"Failures","error":"x"}
`
	if got := stdout.String(); got != want {
		t.Errorf("standard output:\n%swant\n%s", got, want)
	}
	if stderr.Len() > 0 {
		t.Errorf("standard error: %s", stderr.String())
	}
}

// The log of a function is shown with --logs or --verbose, as a person would write it, and without
// metrics.
func TestLogsAreRendered(t *testing.T) {
	t.Parallel()
	lines := []activity.Step{
		logged("FetcherFunction", `{"timestamp":"2026-11-22T09:00:00Z","level":"WARN","message":"delivery","outcome":"deferred","attempt":2,"error":"a \"b\" = c","empty":"","nested":{"a":[1]},`+
			`"Bus":"b","Service":"fetcher","Deferred":1,"Reason":"auth","_aws":{"CloudWatchMetrics":[{"Dimensions":[["Bus","Service"],["Bus","Service","Reason"]],"Metrics":[{"Name":"Deferred"}]}]},"requestId":"r"}`),
		logged("FetcherFunction", `{"_aws":{"Timestamp":1},"Emitted":1}`),
		logged("FetcherFunction", `[1, 2]`),
		logged("OtherFunction", "Traceback (most recent call last):"),
	}
	fetcher := "12:00:01.203  log  Fetcher: warn delivery outcome=deferred attempt=2 error=\"a \\\"b\\\" = c\" empty=\"\" nested={\"a\":[1]}\n" +
		"12:00:01.203  log  Fetcher: [1, 2]\n"
	other := "12:00:01.203  log  Other: Traceback (most recent call last):\n"
	for name, tt := range map[string]struct {
		flags outputFlags
		want  string
	}{
		"none":                 {outputFlags{}, ""},
		"one, by its id":       {outputFlags{logs: []string{"FetcherFunction"}}, fetcher},
		"one, by a short name": {outputFlags{logs: []string{"Other"}}, other},
		"all":                  {outputFlags{verbose: true}, fetcher + other},
	} {
		if got := tellStory(tt.flags, lines...); got != tt.want {
			t.Errorf("%s:\n%swant\n%s", name, got, tt.want)
		}
	}
}

package eventbridge_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/awsjson"
	emulated "github.com/meterbridge/meterbridge/internal/emulator/aws/eventbridge"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/scheduler"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sdktest"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/target"
)

// sink is a target and a dead-letter queue that keeps its deliveries.
type sink struct {
	id         string
	failure    error
	bodies     []string
	attributes []map[string]string
	parks      bool
}

func (s *sink) ID() string { return s.id }

func (s *sink) Deliver(body []byte, _ string) error {
	if s.failure == nil {
		s.bodies = append(s.bodies, string(body))
	}
	return s.failure
}

func (s *sink) Store(body []byte, attributes map[string]string) error {
	s.attributes = append(s.attributes, attributes)
	return s.Deliver(body, "")
}

func (s *sink) HoldDeadLetters() { s.parks = true }

// rules is the bus "bus" with rules, their target, and the steps that were reported.
type rules struct {
	*emulated.Service
	*eventbridge.Client
	schedules  *scheduler.Service
	sink, dead *sink
	activity.History
}

var (
	sinkARN = target.ARN("sqs", "sink")
	deadARN = target.ARN("sqs", "dead")
)

func newRules(t *testing.T) *rules {
	t.Helper()
	r := &rules{sink: &sink{id: "Sink"}, dead: &sink{id: "Dead"}}
	directory := target.NewDirectory(nil, &r.History)
	directory.Add(sinkARN, r.sink)
	directory.Add(deadARN, r.dead)
	r.schedules = scheduler.New(directory)
	r.Service = emulated.New(directory, r.schedules)
	r.AddBus(emulated.BusConfig{Name: "default"})
	r.AddBus(emulated.BusConfig{ID: "Bus", Name: "meterbridge"})
	r.Client = eventbridge.NewFromConfig(sdktest.Config(sdktest.Serve(t, awsjson.New(nil, r.Operations()))))
	return r
}

// add adds a rule of the bus, whose properties are JSON.
func (r *rules) add(t *testing.T, id, properties string) error {
	t.Helper()
	resource := sam.Resource{LogicalID: id, Type: "AWS::Events::Rule", Name: id, ARN: "arn:" + id}
	text := strings.NewReplacer("SINK", sinkARN, "DEAD", deadARN).Replace(properties)
	if err := json.Unmarshal([]byte(text), &resource.Properties); err != nil {
		t.Fatal(err)
	}
	return r.Add(resource)
}

// put puts a valid entry with a source and a detail on the bus.
func (r *rules) put(t *testing.T, source, detail string) {
	t.Helper()
	entry := valid()
	entry.Source, entry.Detail = &source, &detail
	if out, err := r.PutEvents(t.Context(), putInput(entry)); err != nil || out.FailedEntryCount != 0 {
		t.Fatalf("PutEvents: %+v, %v", out, err)
	}
}

// kinds returns the kinds of the steps, and the names in them.
func (r *rules) kinds() (kinds []activity.Kind, names []string) {
	for _, s := range r.Steps() {
		kinds, names = append(kinds, s.Kind), append(names, s.Name)
	}
	return kinds, names
}

// TestRuleHasAPatternOrAScheduleOrBoth; the pattern can be text.
func TestRuleHasAPatternOrAScheduleOrBoth(t *testing.T) {
	t.Parallel()
	r := newRules(t)
	for id, properties := range map[string]string{
		"Text": `{"EventBusName": "meterbridge", "EventPattern": "{\"source\": [\"a\"]}", "Targets": [{"Id": "s", "Arn": "SINK", "Input": "\"text\""}]}`,
		"Both": `{"EventBusName": "meterbridge", "EventPattern": {"source": ["b"]}, "ScheduleExpression": "rate(1 hour)",
			"Targets": [{"Id": "s", "Arn": "SINK", "Input": "\"both\""}]}`,
	} {
		if err := r.add(t, id, properties); err != nil {
			t.Fatal(err)
		}
	}
	r.put(t, "a", `{}`)
	r.put(t, "b", `{}`)
	r.schedules.RunAll()
	if want := []string{`"text"`, `"both"`, `"both"`}; !slices.Equal(r.sink.bodies, want) {
		t.Errorf("delivered %q, want %q", r.sink.bodies, want)
	}
	err := r.add(t, "Neither", `{"EventBusName": "meterbridge", "Targets": [{"Id": "s", "Arn": "SINK"}]}`)
	if err == nil || !strings.Contains(err.Error(), "neither EventPattern nor ScheduleExpression") {
		t.Errorf("a rule with neither: %v, want an error", err)
	}
}

func TestRulesDeliverMatchingEvents(t *testing.T) {
	t.Parallel()
	r := newRules(t)
	for id, properties := range map[string]string{
		"Wanted": `{"EventBusName": "meterbridge", "EventPattern": {"source": ["a"]},
			"Targets": [{"Id": "s", "Arn": "SINK", "InputTransformer": {"InputPathsMap": {"id": "$.detail.id"}, "InputTemplate": "{\"only\":\"<id>\"}"}}]}`,
		"Disabled": `{"EventBusName": "meterbridge", "EventPattern": {"source": ["a", "b"]}, "State": "DISABLED", "Targets": [{"Id": "s", "Arn": "SINK"}]}`,
	} {
		if err := r.add(t, id, properties); err != nil {
			t.Fatal(err)
		}
	}
	r.put(t, "a", `{"id":"evt_1"}`)
	r.put(t, "b", `{"id":"evt_2"}`)
	if want := []string{`{"only":"evt_1"}`}; !slices.Equal(r.sink.bodies, want) {
		t.Errorf("delivered %q, want %q", r.sink.bodies, want)
	}
	kinds, names := r.kinds()
	if want := []activity.Kind{activity.Put, activity.Matched, activity.Put, activity.Unmatched}; !slices.Equal(kinds, want) {
		t.Errorf("steps %v, want %v", kinds, want)
	}
	if want := []string{"Bus", "Wanted", "Bus", "Bus"}; !slices.Equal(names, want) {
		t.Errorf("names in the steps %q, want %q", names, want)
	}
	if got := r.Steps()[1]; got.EventID != "evt_1" || got.Target != "Sink" {
		t.Errorf("step %+v, want evt_1 to Sink", got)
	}
}

// TestDetailIsPassedOnByteForByte inside EventBridge's envelope.
func TestDetailIsPassedOnByteForByte(t *testing.T) {
	t.Parallel()
	r := newRules(t)
	if err := r.add(t, "All", `{"EventBusName": "meterbridge", "EventPattern": {"source": [{"prefix": ""}]}, "Targets": [{"Id": "s", "Arn": "SINK"}]}`); err != nil {
		t.Fatal(err)
	}
	const detail = "{ \"n\":12345678901234567890, \"e\":1E+2,\n\t\"html\":\"<&>\",\"escaped\":\"\\u003c\\/\",\"raw\":\"é 😀\" }"
	r.put(t, "a<b>", detail)
	var envelope map[string]json.RawMessage
	if err := json.Unmarshal([]byte(r.sink.bodies[0]), &envelope); err != nil {
		t.Fatal(err)
	}
	if got := string(envelope["detail"]); got != detail {
		t.Errorf("detail %q, want %q", got, detail)
	}
	delete(envelope, "id")
	delete(envelope, "time")
	delete(envelope, "detail")
	want := map[string]json.RawMessage{
		"version": json.RawMessage(`"0"`), "source": json.RawMessage(`"a<b>"`), "detail-type": json.RawMessage(`"v1.billing.meter.no_meter_found"`),
		"account": json.RawMessage(`"000000000000"`), "region": json.RawMessage(`"us-east-1"`), "resources": json.RawMessage(`[]`),
	}
	if diff := cmp.Diff(want, envelope); diff != "" {
		t.Errorf("envelope (-want +got):\n%s", diff)
	}
}

// TestUndeliverableEventGoesToTheDeadLetterQueue of the rule's target, unchanged and with the
// reason.
func TestUndeliverableEventGoesToTheDeadLetterQueue(t *testing.T) {
	t.Parallel()
	r := newRules(t)
	r.sink.failure = errors.New("refused")
	err := r.add(t, "Rule", `{"EventBusName": "meterbridge", "EventPattern": {"source": ["a"]},
		"Targets": [{"Id": "s", "Arn": "SINK", "InputPath": "$.detail", "DeadLetterConfig": {"Arn": "DEAD"}}]}`)
	if err != nil {
		t.Fatal(err)
	}
	r.put(t, "a", `{"id":"evt_1"}`)
	if len(r.dead.bodies) != 1 || !strings.Contains(r.dead.bodies[0], `"detail":{"id":"evt_1"}`) || !r.dead.parks {
		t.Fatalf("dead letters %q, held %t; want the event, held", r.dead.bodies, r.dead.parks)
	}
	want := map[string]string{"RULE_ARN": "arn:Rule", "TARGET_ARN": sinkARN, "ERROR_CODE": "DELIVERY_FAILED", "ERROR_MESSAGE": "refused"}
	if diff := cmp.Diff(want, r.dead.attributes[0]); diff != "" {
		t.Errorf("attributes (-want +got):\n%s", diff)
	}
	r.wantUndelivered(t, "Rule", "Dead")
	if got := r.Targets(); !slices.Equal(got, []string{"Sink"}) {
		t.Errorf("targets %q, want Sink", got)
	}
}

// wantUndelivered checks that one event was not delivered by a rule, and where it was kept.
func (r *rules) wantUndelivered(t *testing.T, rule, kept string) {
	t.Helper()
	steps := r.Steps(activity.Undelivered)
	if len(steps) != 1 || steps[0].Name != rule || steps[0].Target != "Sink" || steps[0].Kept != kept || steps[0].Err != r.sink.failure {
		t.Errorf("undelivered %+v, want one by %s, kept in %q", steps, rule, kept)
	}
}

// TestLostEventsAreReported if a target has no dead-letter queue or is in a service that is not
// emulated, or if a rule's bus is a partner's or may be the wrong one.
func TestLostEventsAreReported(t *testing.T) {
	t.Parallel()
	r := newRules(t)
	r.sink.failure = errors.New("refused")
	for id, properties := range map[string]string{
		"Direct":    `{"EventBusName": "meterbridge", "EventPattern": {"source": ["a"]}, "Targets": [{"Id": "s", "Arn": "SINK"}]}`,
		"Elsewhere": `{"EventBusName": "meterbridge", "EventPattern": {"source": ["b"]}, "Targets": [{"Id": "t", "Arn": "arn:aws:sns:us-east-1:1:topic"}]}`,
		"Default":   `{"EventPattern": {"source": ["a"]}, "Targets": [{"Id": "s", "Arn": "SINK"}]}`,
		"Partner":   `{"EventBusName": "aws.partner/stripe.com/ed_1", "EventPattern": {"source": ["a"]}, "Targets": [{"Id": "s", "Arn": "SINK"}]}`,
		"Generated": `{"EventBusName": "meterbridge", "EventPattern": {"source": ["c"]}, "Targets": [{"Id": "s", "Arn": "SINK", "DeadLetterConfig": {"Type": "SQS"}}]}`,
	} {
		if err := r.add(t, id, properties); err != nil {
			t.Fatal(err)
		}
	}
	r.put(t, "a", `{}`)
	r.put(t, "b", `{}`)
	r.wantUndelivered(t, "Direct", "")
	warnings := r.Text(activity.Warned)
	for _, want := range []string{
		"sns is not run locally",
		`rule Default has no EventBusName, so it is on the default bus, and gets no event of another one; the buses are "default", "meterbridge"`,
		"rule Partner is on aws.partner/stripe.com/ed_1", "rule Generated: the dead-letter queue that SAM would make",
	} {
		if !strings.Contains(warnings, want) {
			t.Errorf("warnings lack %q:\n%s", want, warnings)
		}
	}
}

// TestBusIsFoundByAnyARN of its name: a template's default may be the ARN of a deployed bus.
func TestBusIsFoundByAnyARN(t *testing.T) {
	t.Parallel()
	r := newRules(t)
	for _, arn := range []string{target.ARN("events", "event-bus/meterbridge"), "arn:aws:events:eu-west-1:123456789012:event-bus/meterbridge"} {
		if err := r.add(t, "Rule", `{"EventBusName": "`+arn+`", "EventPattern": {"source": ["a"]}, "Targets": [{"Id": "s", "Arn": "SINK"}]}`); err != nil {
			t.Fatal(err)
		}
	}
	r.put(t, "a", `{"id":"evt_1"}`)
	if len(r.sink.bodies) != 2 {
		t.Errorf("delivered %q, want the event of both rules", r.sink.bodies)
	}
}

// TestRuleThatCannotBeRunIsAnError, because skipping it would lose events silently.
func TestRuleThatCannotBeRunIsAnError(t *testing.T) {
	t.Parallel()
	for want, properties := range map[string]string{
		`no template creates the bus "orders"; the buses are "default", "meterbridge"`: `{"EventBusName": "orders", "EventPattern": {"source": ["a"]}, "Targets": [{"Id": "s", "Arn": "SINK"}]}`,

		"matches":     `{"EventBusName": "meterbridge", "EventPattern": {"detail": {"id": [{"matches": "x"}]}}}`,
		"sqs:missing": `{"EventBusName": "meterbridge", "EventPattern": {"source": ["a"]}, "Targets": [{"Id": "s", "Arn": "arn:aws:sqs:missing"}]}`,
		"dead-letter": `{"EventBusName": "meterbridge", "EventPattern": {"source": ["a"]}, "Targets": [{"Id": "s", "Arn": "SINK", "DeadLetterConfig": {"Arn": "x"}}]}`,
		"InputPath":   `{"EventBusName": "meterbridge", "EventPattern": {"source": ["a"]}, "Targets": [{"Id": "s", "Arn": "SINK", "InputPath": "detail"}]}`,
		"hourly":      `{"ScheduleExpression": "hourly", "Targets": [{"Id": "s", "Arn": "SINK"}]}`,
	} {
		if err := newRules(t).add(t, "Rule", properties); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Add = %v, want an error with %q", err, want)
		}
	}
}

// TestRuleWithAScheduleDelivers the scheduled event, or its own input, when the scheduler runs it.
func TestRuleWithAScheduleDelivers(t *testing.T) {
	t.Parallel()
	r := newRules(t)
	for id, input := range map[string]string{"Plain": "", "Input": `, "Input": "{\"id\":\"evt_1\"}"`} {
		if err := r.add(t, id, `{"ScheduleExpression": "rate(1 hour)", "Targets": [{"Id": "s", "Arn": "SINK"`+input+`}]}`); err != nil {
			t.Fatal(err)
		}
	}
	r.schedules.RunAll()
	slices.Sort(r.sink.bodies)
	if len(r.sink.bodies) != 2 || r.sink.bodies[0] != `{"id":"evt_1"}` || !strings.Contains(r.sink.bodies[1], `"resources":["arn:Plain"],"detail":{}`) {
		t.Errorf("delivered %q, want a scheduled event and the input", r.sink.bodies)
	}
}

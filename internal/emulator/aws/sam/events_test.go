package sam_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
)

// TestEventsBecomeTheResourcesThatSAMGenerates, with SAM's names and ARNs.
func TestEventsBecomeTheResourcesThatSAMGenerates(t *testing.T) {
	t.Parallel()
	template, err := sam.Parse([]byte(`
Transform: AWS::Serverless-2016-10-31
Resources:
  Queue: {Type: AWS::SQS::Queue}
  Bus: {Type: AWS::Events::EventBus, Properties: {Name: bus}}
  F:
    Type: AWS::Serverless::Function
    Properties:
      Events:
        Any: {Type: HttpApi}
        Post: {Type: HttpApi, Properties: {Method: post, Path: /in}}
        Poll: {Type: SQS, Properties: {Queue: !GetAtt Queue.Arn, BatchSize: 5, Enabled: false}}
        Plan: {Type: ScheduleV2, Properties: {ScheduleExpression: rate(1 minute), State: DISABLED, Input: x}}
        Named: {Type: ScheduleV2, Properties: {ScheduleExpression: rate(1 minute), Name: own}}
        Rule: {Type: EventBridgeRule, Properties: {EventBusName: !GetAtt Bus.Arn, Pattern: {source: [a]}, InputPath: $.detail, DeadLetterConfig: {Type: SQS}}}
        Off: {Type: ScheduleV2, Properties: {ScheduleExpression: rate(1 minute), State: DISABLED}}
        On: {Type: Schedule, Properties: {Schedule: rate(2 minutes), Enabled: true}}
        Rate: {Type: Schedule, Properties: {Schedule: rate(2 minutes), Enabled: "false"}}
        Bucket: {Type: S3, Properties: {Bucket: b, Events: s3:ObjectCreated:*}}
`), nil)
	if err != nil {
		t.Fatal(err)
	}
	const function = "arn:aws:lambda:us-east-1:000000000000:function:meterbridge-F"
	type object = map[string]any
	want := []sam.Resource{
		{LogicalID: "FAny", Type: sam.Route, Properties: object{"Method": "ANY", "Path": "/{proxy+}", "FunctionArn": function}, Name: "FAny"},
		{LogicalID: "FBucket", Type: "event of type S3", Properties: object{}, Name: "FBucket"},
		{LogicalID: "FNamed", Type: "AWS::Scheduler::Schedule", Name: "own", ARN: "arn:aws:scheduler:us-east-1:000000000000:schedule/default/own",
			Properties: object{"ScheduleExpression": "rate(1 minute)", "Target": object{"Id": "", "Arn": function}}},
		{LogicalID: "FOff", Type: "AWS::Scheduler::Schedule", Name: "FOff", ARN: "arn:aws:scheduler:us-east-1:000000000000:schedule/default/FOff",
			Properties: object{"ScheduleExpression": "rate(1 minute)", "State": "DISABLED", "Target": object{"Id": "", "Arn": function}}},
		{LogicalID: "FOn", Type: "AWS::Events::Rule", Name: "meterbridge-FOn", ARN: "arn:aws:events:us-east-1:000000000000:rule/meterbridge-FOn",
			Properties: object{"ScheduleExpression": "rate(2 minutes)", "Targets": []any{object{"Id": "FOn", "Arn": function}}}},
		{LogicalID: "FPlan", Type: "AWS::Scheduler::Schedule", Name: "FPlan", ARN: "arn:aws:scheduler:us-east-1:000000000000:schedule/default/FPlan",
			Properties: object{"ScheduleExpression": "rate(1 minute)", "State": "DISABLED", "Target": object{"Id": "", "Arn": function, "Input": "x"}}},
		{LogicalID: "FPoll", Type: "AWS::Lambda::EventSourceMapping", Name: "FPoll", Properties: object{
			"Queue": "arn:aws:sqs:us-east-1:000000000000:meterbridge-Queue", "EventSourceArn": "arn:aws:sqs:us-east-1:000000000000:meterbridge-Queue",
			"FunctionName": function, "BatchSize": 5, "Enabled": false,
		}},
		{LogicalID: "FPost", Type: sam.Route, Properties: object{"Method": "POST", "Path": "/in", "FunctionArn": function}, Name: "FPost"},
		{LogicalID: "FRate", Type: "AWS::Events::Rule", Name: "meterbridge-FRate", ARN: "arn:aws:events:us-east-1:000000000000:rule/meterbridge-FRate",
			Properties: object{"ScheduleExpression": "rate(2 minutes)", "State": "DISABLED", "Targets": []any{object{"Id": "FRate", "Arn": function}}}},
		{LogicalID: "FRule", Type: "AWS::Events::Rule", Name: "meterbridge-FRule", ARN: "arn:aws:events:us-east-1:000000000000:rule/bus/meterbridge-FRule",
			Properties: object{
				"EventBusName": "arn:aws:events:us-east-1:000000000000:event-bus/bus", "EventPattern": object{"source": []any{"a"}},
				"Targets": []any{object{"Id": "FRule", "Arn": function, "InputPath": "$.detail", "DeadLetterConfig": object{"Type": "SQS"}}},
			}},
	}
	f, _ := template.Resource("F")
	for i := range want {
		want[i].File, want[i].Line = f.File, f.Line
	}
	got, err := sam.Events(f, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Events (-want +got):\n%s", diff)
	}
	queue, _ := template.Resource("Queue")
	if got, err := sam.Events(queue, nil); got != nil || err != nil {
		t.Errorf("Events of a queue = %v, %v; want none", got, err)
	}
}

// TestParametersAreNumbersFlagsAndText in the properties that refer to them.
func TestParametersAreNumbersFlagsAndText(t *testing.T) {
	t.Parallel()
	type properties struct {
		Number sam.Number
		Flag   sam.Flag
		Scalar sam.Scalar
	}
	for name, tt := range map[string]struct {
		properties map[string]any
		want       properties
		fails      bool
	}{
		"their own types":    {map[string]any{"Number": 1.5, "Flag": true, "Scalar": "x"}, properties{1.5, true, "x"}, false},
		"strings":            {map[string]any{"Number": "30", "Flag": "true", "Scalar": "1"}, properties{30, true, "1"}, false},
		"numbers and flags":  {map[string]any{"Scalar": 7}, properties{Scalar: "7"}, false},
		"absent and unknown": {map[string]any{"Other": 1}, properties{}, false},
		"not a number":       {map[string]any{"Number": "soon"}, properties{}, true},
		"not a flag":         {map[string]any{"Flag": "maybe"}, properties{}, true},
		"not a scalar":       {map[string]any{"Scalar": []any{"x"}}, properties{}, true},
	} {
		got, err := sam.Decode[properties](sam.Resource{Properties: tt.properties})
		if (err != nil) != tt.fails || got != tt.want && !tt.fails {
			t.Errorf("%s: Decode = %+v, %v; want %+v, error %t", name, got, err, tt.want, tt.fails)
		}
	}
}

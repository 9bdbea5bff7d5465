package awsctl_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	formation "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	watch "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logs "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/awsctl"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
	"github.com/meterbridge/meterbridge/internal/telemetry"
)

// deployed returns a stack whose calls of AWS are answered by answer, in the SDK's own types.
func deployed(t *testing.T, answer func(input any) (any, error)) *awsctl.Stack {
	t.Helper()
	config := aws.Config{Region: "us-east-1", Credentials: aws.AnonymousCredentials{}, APIOptions: []func(*middleware.Stack) error{func(s *middleware.Stack) error {
		return s.Initialize.Add(middleware.InitializeMiddlewareFunc("answer", func(_ context.Context, in middleware.InitializeInput, _ middleware.InitializeHandler) (out middleware.InitializeOutput, _ middleware.Metadata, err error) {
			out.Result, err = answer(in.Parameters)
			return out, middleware.Metadata{}, err
		}), middleware.After)
	}}}
	found, err := awsctl.Open(t.Context(), config, "meterbridge")
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// stackAnswers answers what Open asks, and leaves the rest to others.
func stackAnswers(others func(input any) (any, error)) func(any) (any, error) {
	return func(input any) (any, error) {
		switch input.(type) {
		case *sts.GetCallerIdentityInput:
			return &sts.GetCallerIdentityOutput{Account: aws.String("123456789012")}, nil
		case *cloudformation.DescribeStacksInput:
			output := func(key, value string) formation.Output {
				return formation.Output{OutputKey: &key, OutputValue: &value}
			}
			return &cloudformation.DescribeStacksOutput{Stacks: []formation.Stack{{
				StackId: aws.String("arn"), StackStatus: "UPDATE_COMPLETE",
				Outputs: []formation.Output{output("EventBusName", "bus"), output("FetchQueueUrl", "https://sqs/fetch")},
			}}}, nil
		case *cloudformation.ListStackResourcesInput:
			resource := func(id, name string) formation.StackResourceSummary {
				return formation.StackResourceSummary{LogicalResourceId: &id, PhysicalResourceId: &name}
			}
			return &cloudformation.ListStackResourcesOutput{StackResourceSummaries: []formation.StackResourceSummary{
				resource("FetchRule", "bus|fetch"), resource("AAlarm", "a"), resource("BAlarm", "b"), resource("LedgerTable", "ledger"),
				resource("WebhookLogs", "webhook-logs"),
			}}, nil
		}
		return others(input)
	}
}

func unexpected(input any) (any, error) { return nil, fmt.Errorf("unexpected %T", input) }

// TestDrifts: it waits for the comparison, and reads every page.
func TestDrifts(t *testing.T) {
	t.Parallel()
	asked := 0
	found := deployed(t, stackAnswers(func(input any) (any, error) {
		switch input := input.(type) {
		case *cloudformation.DetectStackDriftInput:
			return &cloudformation.DetectStackDriftOutput{StackDriftDetectionId: aws.String("1")}, nil
		case *cloudformation.DescribeStackDriftDetectionStatusInput:
			if asked++; asked == 1 {
				return &cloudformation.DescribeStackDriftDetectionStatusOutput{DetectionStatus: "DETECTION_IN_PROGRESS"}, nil
			}
			return &cloudformation.DescribeStackDriftDetectionStatusOutput{DetectionStatus: "DETECTION_COMPLETE"}, nil
		case *cloudformation.DescribeStackResourceDriftsInput:
			if input.NextToken == nil {
				return &cloudformation.DescribeStackResourceDriftsOutput{NextToken: aws.String("2"), StackResourceDrifts: []formation.StackResourceDrift{{
					LogicalResourceId: aws.String("FetchRule"), StackResourceDriftStatus: "MODIFIED",
					PropertyDifferences: []formation.PropertyDifference{{PropertyPath: aws.String("/State")}},
				}}}, nil
			}
			return &cloudformation.DescribeStackResourceDriftsOutput{StackResourceDrifts: []formation.StackResourceDrift{
				{LogicalResourceId: aws.String("LedgerTable"), StackResourceDriftStatus: "DELETED"},
			}}, nil
		}
		return unexpected(input)
	}))
	got, err := found.Drifts(t.Context())
	want := []awsctl.Drift{{Resource: "FetchRule", Properties: []string{"/State"}}, {Resource: "LedgerTable", Deleted: true}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v, -want +got:\n%s", err, diff)
	}

	failed := deployed(t, stackAnswers(func(input any) (any, error) {
		if _, ok := input.(*cloudformation.DetectStackDriftInput); ok {
			return &cloudformation.DetectStackDriftOutput{StackDriftDetectionId: aws.String("1")}, nil
		}
		return &cloudformation.DescribeStackDriftDetectionStatusOutput{DetectionStatus: "DETECTION_FAILED", DetectionStatusReason: aws.String("no permission")}, nil
	}))
	if _, err := failed.Drifts(t.Context()); err == nil || !strings.Contains(err.Error(), "no permission") {
		t.Errorf("a comparison that failed: %v", err)
	}
}

func TestRuleDepthAndAlarms(t *testing.T) {
	t.Parallel()
	since := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	found := deployed(t, stackAnswers(func(input any) (any, error) {
		switch input := input.(type) {
		case *eventbridge.DescribeRuleInput:
			if *input.EventBusName != "bus" || *input.Name != "fetch" {
				return unexpected(input)
			}
			return &eventbridge.DescribeRuleOutput{State: "DISABLED", EventPattern: aws.String(`{"source":["stripe.thin"],"detail-type":["a","b"]}`)}, nil
		case *sqs.GetQueueAttributesInput:
			return &sqs.GetQueueAttributesOutput{Attributes: map[string]string{
				"ApproximateNumberOfMessages": "3", "ApproximateNumberOfMessagesNotVisible": "2", "ApproximateNumberOfMessagesDelayed": "1",
			}}, nil
		case *cloudwatch.DescribeAlarmsInput:
			if !slices.Equal(input.AlarmNames, []string{"a", "b"}) {
				return unexpected(input)
			}
			return &cloudwatch.DescribeAlarmsOutput{MetricAlarms: []watch.MetricAlarm{
				{AlarmName: aws.String("b"), StateValue: "ALARM", StateTransitionedTimestamp: &since, StateReason: aws.String("too many")},
			}}, nil
		}
		return unexpected(input)
	}))
	rule, err := found.Rule(t.Context(), "FetchRule")
	if diff := cmp.Diff(awsctl.Rule{Bus: "bus", Name: "fetch", Types: []string{"a", "b"}}, rule); err != nil || diff != "" {
		t.Errorf("rule: %v, -want +got:\n%s", err, diff)
	}
	if _, err := found.Rule(t.Context(), "OtherRule"); err == nil {
		t.Error("a rule that the stack does not have is no error")
	}
	if depth, err := found.Depth(t.Context(), "FetchQueueUrl"); err != nil || depth != (awsctl.Depth{Visible: 3, InFlight: 2, Delayed: 1}) {
		t.Errorf("depth %+v, %v", depth, err)
	}
	alarms, err := found.Alarms(t.Context())
	want := []awsctl.Alarm{{Resource: "BAlarm", State: "ALARM", Since: since, Reason: "too many"}}
	if diff := cmp.Diff(want, alarms); err != nil || diff != "" {
		t.Errorf("alarms: %v, -want +got:\n%s", err, diff)
	}
}

// TestTotals: metrics with reasons are counted by reason, and what has none beside them.
func TestTotals(t *testing.T) {
	t.Parallel()
	metric := func(name, service, key, value string) watch.Metric {
		m := watch.Metric{MetricName: &name, Dimensions: []watch.Dimension{{Name: aws.String("Bus"), Value: aws.String("bus")}, {Name: aws.String("Service"), Value: &service}}}
		if key != "" {
			m.Dimensions = append(m.Dimensions, watch.Dimension{Name: &key, Value: &value})
		}
		return m
	}
	values := map[string][]float64{
		"Parked  Sum": {3, 2}, "Parked auth Sum": {4}, "Stored  Sum": {7}, "MeterErrors  Sum": {9}, "MeterErrors no_meter Sum": {9},
		"StripeLatency  Sum": {100, 50}, "StripeLatency  SampleCount": {10, 5}, "StripeLatency  Maximum": {30, 40},
	}
	found := deployed(t, stackAnswers(func(input any) (any, error) {
		switch input := input.(type) {
		case *cloudwatch.ListMetricsInput:
			if input.NextToken == nil {
				return &cloudwatch.ListMetricsOutput{NextToken: aws.String("2"), Metrics: []watch.Metric{
					metric("Parked", "fetcher", "", ""), metric("Parked", "fetcher", "Reason", "auth"), metric("StripeLatency", "fetcher", "", ""),
				}}, nil
			}
			return &cloudwatch.ListMetricsOutput{Metrics: []watch.Metric{
				metric("Stored", "webhook", "", ""), metric("MeterErrors", "fetcher", "", ""), metric("MeterErrors", "fetcher", "Code", "no_meter"),
				metric("TooLarge", "webhook", "", ""),
			}}, nil
		case *cloudwatch.GetMetricDataInput:
			out := &cloudwatch.GetMetricDataOutput{}
			for _, q := range input.MetricDataQueries {
				reason := ""
				for _, d := range q.MetricStat.Metric.Dimensions {
					if *d.Name == "Reason" || *d.Name == "Code" {
						reason = *d.Value
					}
				}
				out.MetricDataResults = append(out.MetricDataResults, watch.MetricDataResult{
					Id: q.Id, Values: values[*q.MetricStat.Metric.MetricName+" "+reason+" "+*q.MetricStat.Stat],
				})
			}
			return out, nil
		}
		return unexpected(input)
	}))
	got, err := found.Totals(t.Context(), time.Now().Add(-time.Hour), time.Now())
	want := []awsctl.Total{
		{Service: "fetcher", Metric: telemetry.MeterErrors, Reason: "no_meter", Count: 9, Sum: 9},
		{Service: "fetcher", Metric: telemetry.Parked, Count: 1, Sum: 5},
		{Service: "fetcher", Metric: telemetry.Parked, Reason: "auth", Count: 4, Sum: 4},
		{Service: "fetcher", Metric: telemetry.StripeLatency, Count: 15, Sum: 150, Max: 40},
		{Service: "webhook", Metric: telemetry.Stored, Count: 7, Sum: 7},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v, -want +got:\n%s", err, diff)
	}

	refused := deployed(t, stackAnswers(func(any) (any, error) {
		return nil, &smithy.GenericAPIError{Code: "AccessDenied", Message: "no"}
	}))
	if _, err := refused.Totals(t.Context(), time.Now().Add(-time.Hour), time.Now()); err == nil || !strings.Contains(err.Error(), "docs/commands.md") {
		t.Errorf("without permission: %v", err)
	}
}

// TestLoggedTotals: a local stack's metrics are in its logs.
func TestLoggedTotals(t *testing.T) {
	t.Parallel()
	stack, lines := local(t)
	log := func(text string) {
		lines.Observe(activity.Step{Kind: activity.Logged, Name: "WebhookFunction", Time: time.Now(), Text: text})
	}
	logged := func(members map[string]any, name string, dimensions ...string) {
		members["_aws"] = map[string]any{"CloudWatchMetrics": []any{
			map[string]any{"Dimensions": [][]string{{"Bus", "Service"}, dimensions}, "Metrics": []any{map[string]any{"Name": name}}},
			map[string]any{"Dimensions": [][]string{{"Bus", "Service"}}, "Metrics": []any{map[string]any{"Name": "PreviousSecretUsed"}}},
		}}
		members["PreviousSecretUsed"] = 1
		members["Service"] = "webhook"
		text, err := json.Marshal(members)
		if err != nil {
			t.Fatal(err)
		}
		log(string(text))
	}
	logged(map[string]any{"Stored": 2}, "Stored")
	logged(map[string]any{"Stored": 1}, "Stored")
	logged(map[string]any{"SignatureInvalid": 1, "Reason": "expired", "Code": "of another directive"}, "SignatureInvalid", "Bus", "Service", "Reason")
	logged(map[string]any{"StripeLatency": []float64{1, 3}}, "StripeLatency")
	log(`not JSON, with "_aws" in it`)
	got, err := stack.Totals(t.Context(), time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	want := []awsctl.Total{
		{Service: "webhook", Metric: telemetry.PreviousSecretUsed, Count: 4, Sum: 4},
		{Service: "webhook", Metric: telemetry.SignatureInvalid, Reason: "expired", Count: 1, Sum: 1},
		{Service: "webhook", Metric: telemetry.Stored, Count: 3, Sum: 3},
		{Service: "webhook", Metric: telemetry.StripeLatency, Count: 2, Sum: 4, Max: 3},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v, -want +got:\n%s", err, diff)
	}
}

// TestFollowOutlivesAFailure: an error that may pass does not end it, unless nothing was ever read.
func TestFollowOutlivesAFailure(t *testing.T) {
	t.Parallel()
	throttled := &smithy.GenericAPIError{Code: "ThrottlingException", Message: "Rate exceeded"}
	denied := &smithy.GenericAPIError{Code: "AccessDeniedException", Message: "not authorized"}
	line := &cloudwatchlogs.FilterLogEventsOutput{Events: []logs.FilteredLogEvent{{
		EventId: aws.String("1"), Timestamp: aws.Int64(time.Now().UnixMilli()), Message: aws.String("a line"),
	}}}
	empty := &cloudwatchlogs.FilterLogEventsOutput{}
	tests := map[string]struct {
		answers     []any // of the first function's log group; the last is repeated
		lines       int
		interrupted int
		want        error
	}{
		"throttled between answers": {[]any{empty, throttled, throttled, line, throttled, denied}, 1, 2, denied},
		"throttled at once":         {[]any{throttled}, 0, 0, throttled},
		"denied":                    {[]any{line, denied}, 1, 0, denied},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			asked := 0
			stack := deployed(t, stackAnswers(func(input any) (any, error) {
				if group := aws.ToString(input.(*cloudwatchlogs.FilterLogEventsInput).LogGroupName); !strings.Contains(group, "webhook") {
					return empty, nil
				}
				answer := tt.answers[min(asked, len(tt.answers)-1)]
				asked++
				if err, ok := answer.(error); ok {
					return nil, err
				}
				return answer, nil
			}))
			lines, interrupted := 0, 0
			var got error
			for _, err := range stack.Follow(t.Context(), time.Now().Add(-time.Minute), time.Millisecond, func(error) { interrupted++ }) {
				if err != nil {
					got = err
					continue
				}
				lines++
			}
			if !errors.Is(got, tt.want) || lines != tt.lines || interrupted != tt.interrupted {
				t.Errorf("%d lines, interrupted %d times, then %v, want %d, %d and %v", lines, interrupted, got, tt.lines, tt.interrupted, tt.want)
			}
		})
	}
}

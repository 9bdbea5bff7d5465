package awsctl

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	formation "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	queue "github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// A Drift is a resource that differs from the stack's template.
type Drift struct {
	Resource   string   // logical id
	Deleted    bool     // otherwise it was modified
	Properties []string // paths of what differs
}

// Drifts asks CloudFormation to compare the stack's resources with its template, and waits for the
// result, which takes up to a minute.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-drift.html
func (s *Stack) Drifts(ctx context.Context) ([]Drift, error) {
	client := cloudformation.NewFromConfig(s.config)
	begun, err := client.DetectStackDrift(ctx, &cloudformation.DetectStackDriftInput{StackName: &s.Name})
	if err != nil {
		return nil, Explain(fmt.Errorf("detect drift: %w", err))
	}
	for {
		status, err := client.DescribeStackDriftDetectionStatus(ctx, &cloudformation.DescribeStackDriftDetectionStatusInput{
			StackDriftDetectionId: begun.StackDriftDetectionId,
		})
		if err != nil {
			return nil, Explain(fmt.Errorf("detect drift: %w", err))
		}
		if status.DetectionStatus == formation.StackDriftDetectionStatusDetectionFailed {
			return nil, fmt.Errorf("detect drift: %s", aws.ToString(status.DetectionStatusReason))
		}
		if status.DetectionStatus == formation.StackDriftDetectionStatusDetectionComplete {
			return s.drifted(ctx, client)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(2 * time.Second):
		}
	}
}

func (s *Stack) drifted(ctx context.Context, client *cloudformation.Client) (drifts []Drift, err error) {
	pages := cloudformation.NewDescribeStackResourceDriftsPaginator(client, &cloudformation.DescribeStackResourceDriftsInput{
		StackName:                       &s.Name,
		StackResourceDriftStatusFilters: []formation.StackResourceDriftStatus{formation.StackResourceDriftStatusModified, formation.StackResourceDriftStatusDeleted},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, Explain(fmt.Errorf("describe drift: %w", err))
		}
		for _, r := range page.StackResourceDrifts {
			d := Drift{Resource: aws.ToString(r.LogicalResourceId), Deleted: r.StackResourceDriftStatus == formation.StackResourceDriftStatusDeleted}
			for _, p := range r.PropertyDifferences {
				d.Properties = append(d.Properties, aws.ToString(p.PropertyPath))
			}
			drifts = append(drifts, d)
		}
	}
	return drifts, nil
}

// A Rule is a rule on the stack's bus.
type Rule struct {
	Bus     string
	Name    string
	Enabled bool
	Types   []string // the detail types that it matches
}

// Rule returns a rule of the stack.
func (s *Stack) Rule(ctx context.Context, logicalID string) (Rule, error) {
	name := s.Resource(logicalID)
	bus := s.Outputs["EventBusName"]
	if at := strings.LastIndexByte(name, '|'); at >= 0 { // CloudFormation's id of a rule on a bus of its own
		bus, name = name[:at], name[at+1:]
	}
	if name == "" {
		return Rule{}, fmt.Errorf("the stack has no %s", logicalID)
	}
	out, err := eventbridge.NewFromConfig(s.config).DescribeRule(ctx, &eventbridge.DescribeRuleInput{Name: &name, EventBusName: &bus})
	if err != nil {
		return Rule{}, Explain(fmt.Errorf("describe rule %s: %w", name, err))
	}
	var pattern struct {
		Types []string `json:"detail-type"`
	}
	if err := json.Unmarshal([]byte(aws.ToString(out.EventPattern)), &pattern); err != nil {
		return Rule{}, fmt.Errorf("read the pattern of rule %s: %w", name, err)
	}
	return Rule{Bus: bus, Name: name, Enabled: out.State != "DISABLED", Types: pattern.Types}, nil
}

// A Depth is how many messages are in a queue, approximately.
type Depth struct{ Visible, InFlight, Delayed int }

// Depth returns the depth of the queue that an output names by its URL.
func (s *Stack) Depth(ctx context.Context, output string) (Depth, error) {
	url, err := s.Output(output)
	if err != nil {
		return Depth{}, err
	}
	names := []queue.QueueAttributeName{
		queue.QueueAttributeNameApproximateNumberOfMessages, queue.QueueAttributeNameApproximateNumberOfMessagesNotVisible,
		queue.QueueAttributeNameApproximateNumberOfMessagesDelayed,
	}
	out, err := sqs.NewFromConfig(s.config).GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: names})
	if err != nil {
		return Depth{}, Explain(fmt.Errorf("read the queue's attributes: %w", err))
	}
	number := func(i int) int { n, _ := strconv.Atoi(out.Attributes[string(names[i])]); return n }
	return Depth{number(0), number(1), number(2)}, nil
}

// An Alarm is an alarm of the stack.
type Alarm struct {
	Resource string // logical id
	State    string // OK, ALARM or INSUFFICIENT_DATA
	Since    time.Time
	Reason   string
}

// Alarms returns the alarms of the stack.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html
func (s *Stack) Alarms(ctx context.Context) ([]Alarm, error) {
	byName := map[string]string{}
	var names []string
	for logicalID, name := range s.resources {
		if strings.HasSuffix(logicalID, "Alarm") {
			byName[name] = logicalID
			names = append(names, name)
		}
	}
	slices.Sort(names)
	client := cloudwatch.NewFromConfig(s.config)
	var alarms []Alarm
	const most = 100 // names in a call
	for some := range slices.Chunk(names, most) {
		out, err := client.DescribeAlarms(ctx, &cloudwatch.DescribeAlarmsInput{AlarmNames: some, MaxRecords: aws.Int32(most)})
		if err != nil {
			return nil, Explain(fmt.Errorf("describe alarms: %w", err))
		}
		for _, a := range out.MetricAlarms {
			alarms = append(alarms, Alarm{byName[aws.ToString(a.AlarmName)], string(a.StateValue), aws.ToTime(a.StateTransitionedTimestamp), aws.ToString(a.StateReason)})
		}
	}
	return alarms, nil
}

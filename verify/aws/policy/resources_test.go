package policy_test

import (
	"testing"

	"github.com/meterbridge/meterbridge/verify/aws/policy"
)

const account = "arn:aws:events:us-east-1:000000000000:rule/"

// The queues' own policies admit only rules of the stack's bus and of Stripe's partner bus.
func TestOnlyRulesMaySendToQueues(t *testing.T) {
	t.Parallel()
	s := readStack(t)
	for queue, name := range map[string]string{"FetchQueue": "FetchQueuePolicy", "RuleDeadLetters": "RuleDeadLettersPolicy"} {
		resource, ok := s.Resource(name)
		if !ok {
			t.Fatalf("the template has no %s", name)
		}
		documents := []*policy.Document{parse(t, resource.Properties["PolicyDocument"])}
		for _, sender := range []struct{ verdict, name, action, service, source string }{
			{"allowed", "a rule of the bus", "sqs:SendMessage", "events.amazonaws.com", account + "meterbridge/any"},
			{"allowed", "a rule of Stripe's partner bus", "sqs:SendMessage", "events.amazonaws.com", account + "aws.partner/stripe.com/ed_1/any"},
			{"denied", "a rule of the default bus", "sqs:SendMessage", "events.amazonaws.com", account + "any"},
			{"denied", "a rule of another partner", "sqs:SendMessage", "events.amazonaws.com", account + "aws.partner/example.com/x/any"},
			{"denied", "a rule of another account", "sqs:SendMessage", "events.amazonaws.com", "arn:aws:events:us-east-1:111111111111:rule/meterbridge/any"},
			{"denied", "a rule without an ARN", "sqs:SendMessage", "events.amazonaws.com", ""},
			{"denied", "another service", "sqs:SendMessage", "sns.amazonaws.com", account + "meterbridge/any"},
			{"denied", "a rule that receives", "sqs:ReceiveMessage", "events.amazonaws.com", account + "meterbridge/any"},
		} {
			t.Run(queue+"/"+sender.verdict+"/"+sender.name, func(t *testing.T) {
				t.Parallel()
				call := policy.Call{Service: sender.service, Action: sender.action, Resource: s.arn(t, queue), Context: map[string]policy.Strings{}}
				if sender.source != "" {
					call.Context["aws:sourcearn"] = policy.Strings{sender.source}
				}
				allowed, err := policy.Allows(documents, call)
				if err != nil || allowed != (sender.verdict == "allowed") {
					t.Errorf("%+v: allowed %t, %v, want %s", call, allowed, err, sender.verdict)
				}
			})
		}
	}
}

func TestOnlyItsServiceMayAssumeARole(t *testing.T) {
	t.Parallel()
	s := readStack(t)
	for _, role := range s.roles {
		resource, _ := s.Resource(role)
		document := parse(t, resource.Properties["AssumeRolePolicyDocument"])
		for i := range document.Statement {
			document.Statement[i].Resource = policy.Strings{"*"} // a trust policy names no resource: it is about its role
		}
		wanted := "lambda.amazonaws.com"
		if role == "ReconcilerScheduleRole" {
			wanted = "scheduler.amazonaws.com"
		}
		for _, service := range []string{"lambda.amazonaws.com", "scheduler.amazonaws.com", "events.amazonaws.com", "ec2.amazonaws.com", ""} {
			call := policy.Call{Service: service, Action: "sts:AssumeRole", Resource: resource.ARN, Context: map[string]policy.Strings{"aws:sourceaccount": {"000000000000"}}}
			allowed, err := policy.Allows([]*policy.Document{document}, call)
			if err != nil || allowed != (service == wanted) {
				t.Errorf("%s by %q: allowed %t, %v", role, service, allowed, err)
			}
		}
	}
}

// Only CloudWatch's delivery of the bus's own error logs may write to their log group.
func TestOnlyTheDeliveryOfTheBusMayWriteItsLogs(t *testing.T) {
	t.Parallel()
	s := readStack(t)
	resource, _ := s.Resource("BusLogs")
	documents := []*policy.Document{parse(t, resource.Properties["ResourcePolicyDocument"])}
	source, _ := s.Resource("BusLogSource")
	delivery := "arn:aws:logs:us-east-1:000000000000:delivery-source:" + source.Properties["Name"].(string)
	for _, test := range []struct {
		name, service, account, source, action string
		want                                   bool
	}{
		{"the delivery", "delivery.logs.amazonaws.com", "000000000000", delivery, "logs:PutLogEvents", true},
		{"a new stream", "delivery.logs.amazonaws.com", "000000000000", delivery, "logs:CreateLogStream", true},
		{"another delivery", "delivery.logs.amazonaws.com", "000000000000", delivery + "-2", "logs:PutLogEvents", false},
		{"another account", "delivery.logs.amazonaws.com", "111111111111", delivery, "logs:PutLogEvents", false},
		{"another service", "events.amazonaws.com", "000000000000", delivery, "logs:PutLogEvents", false},
		{"a read", "delivery.logs.amazonaws.com", "000000000000", delivery, "logs:GetLogEvents", false},
	} {
		call := policy.Call{Service: test.service, Action: test.action, Resource: s.arn(t, "BusLogs"), Context: map[string]policy.Strings{
			"aws:sourceaccount": {test.account}, "aws:sourcearn": {test.source},
		}}
		allowed, err := policy.Allows(documents, call)
		if err != nil || allowed != test.want {
			t.Errorf("%s: %t, %v, want %t", test.name, allowed, err, test.want)
		}
	}
}

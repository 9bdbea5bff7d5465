package policy_test

import (
	"testing"

	"github.com/meterbridge/meterbridge/verify/aws/policy"
)

const account = "arn:aws:events:us-east-1:000000000000:rule/"

// TestQueuesTakeFromRulesOnly tries the queues' own policies.
func TestQueuesTakeFromRulesOnly(t *testing.T) {
	t.Parallel()
	s := readStack(t)
	for queue, name := range map[string]string{"FetchQueue": "FetchQueuePolicy", "RuleDeadLetters": "RuleDeadLettersPolicy"} {
		resource, ok := s.Resource(name)
		if !ok {
			t.Fatalf("the template has no %s", name)
		}
		documents := []*policy.Document{parse(t, resource.Properties["PolicyDocument"])}
		for _, sender := range []struct{ verdict, name, action, service, source string }{
			{"may", "a rule of the bus", "sqs:SendMessage", "events.amazonaws.com", account + "meterbridge/any"},
			{"may", "a rule of Stripe's partner bus", "sqs:SendMessage", "events.amazonaws.com", account + "aws.partner/stripe.com/ed_1/any"},
			{"refused", "a rule of the default bus", "sqs:SendMessage", "events.amazonaws.com", account + "any"},
			{"refused", "a rule of another partner", "sqs:SendMessage", "events.amazonaws.com", account + "aws.partner/example.com/x/any"},
			{"refused", "a rule of another account", "sqs:SendMessage", "events.amazonaws.com", "arn:aws:events:us-east-1:111111111111:rule/meterbridge/any"},
			{"refused", "a rule that does not say which", "sqs:SendMessage", "events.amazonaws.com", ""},
			{"refused", "another service", "sqs:SendMessage", "sns.amazonaws.com", account + "meterbridge/any"},
			{"refused", "a rule that reads", "sqs:ReceiveMessage", "events.amazonaws.com", account + "meterbridge/any"},
		} {
			t.Run(queue+"/"+sender.verdict+"/"+sender.name, func(t *testing.T) {
				t.Parallel()
				call := policy.Call{Service: sender.service, Action: sender.action, Resource: s.arn(t, queue), Context: map[string]string{}}
				if sender.source != "" {
					call.Context["aws:SourceArn"] = sender.source
				}
				allowed, err := policy.Allows(documents, call)
				if err != nil || allowed != (sender.verdict == "may") {
					t.Errorf("%+v: allowed %t, %v, want %s", call, allowed, err, sender.verdict)
				}
			})
		}
	}
}

// TestOnlyItsServiceTakesOnARole tries the roles' trust policies.
func TestOnlyItsServiceTakesOnARole(t *testing.T) {
	t.Parallel()
	s := readStack(t)
	for _, role := range s.roles {
		resource, _ := s.Resource(role)
		document := parse(t, resource.Properties["AssumeRolePolicyDocument"])
		for i := range document.Statement {
			document.Statement[i].Resource = policy.Strings{"*"} // a trust policy is about its role, and names none
		}
		wanted := "lambda.amazonaws.com"
		if role == "ReconcilerScheduleRole" {
			wanted = "scheduler.amazonaws.com"
		}
		for _, service := range []string{"lambda.amazonaws.com", "scheduler.amazonaws.com", "events.amazonaws.com", "ec2.amazonaws.com", ""} {
			call := policy.Call{Service: service, Action: "sts:AssumeRole", Resource: resource.ARN, Context: map[string]string{"aws:SourceAccount": "000000000000"}}
			allowed, err := policy.Allows([]*policy.Document{document}, call)
			if err != nil || allowed != (service == wanted) {
				t.Errorf("%s by %q: allowed %t, %v", role, service, allowed, err)
			}
		}
	}
}

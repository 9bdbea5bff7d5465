package meterbridge_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/eventbridge/pattern"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
)

// stripesLimit is how many requests a second Stripe allows for one endpoint: https://docs.stripe.com/rate-limits.
const stripesLimit = 25

// TestFetchersStayBelowStripesLimit: with the defaults, all instances together at their full rate.
func TestFetchersStayBelowStripesLimit(t *testing.T) {
	t.Parallel()
	parameters := readTemplate(t).Parameters
	var instances, rate float64
	if _, err := fmt.Sscan(parameters["FetcherConcurrency"]+" "+parameters["StripeRateLimit"], &instances, &rate); err != nil {
		t.Fatal(err)
	}
	if rate <= 0 || instances*rate >= stripesLimit {
		t.Errorf("%v fetchers at %v requests/s, want fewer than %d a second in all", instances, rate, stripesLimit)
	}
}

// TestVisibilityOutlastsTheFetcher: a message must not come back while a batch may still be worked on. Six times is AWS's
// advice: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html.
func TestVisibilityOutlastsTheFetcher(t *testing.T) {
	t.Parallel()
	parsed := readTemplate(t)
	var queue struct{ VisibilityTimeout, MessageRetentionPeriod float64 }
	var function struct{ Timeout float64 }
	properties(t, parsed, "FetchQueue", &queue)
	properties(t, parsed, "FetcherFunction", &function)
	if function.Timeout == 0 || queue.VisibilityTimeout < 6*function.Timeout {
		t.Errorf("visibility %v s, fetcher's timeout %v s, want six times as much", queue.VisibilityTimeout, function.Timeout)
	}
	if longest := 14 * 24 * 3600.0; queue.MessageRetentionPeriod != longest {
		t.Errorf("the queue keeps messages for %v s, want the 14 days that SQS allows", queue.MessageRetentionPeriod)
	}
}

// TestRulesMayDeliver: the queues admit every rule of the bus, and the rule's own failures have a place to go to.
func TestRulesMayDeliver(t *testing.T) {
	t.Parallel()
	parsed := readTemplate(t)
	bus := mustHave(t, parsed, "EventBus")
	anyRule := strings.Replace(bus.ARN, ":event-bus/", ":rule/", 1) + "/a-rule-that-somebody-adds"
	partnerRule := strings.Replace(anyRule, ":rule/"+bus.Name, ":rule/aws.partner/stripe.com/ed_1", 1)
	foreignRule := strings.Replace(anyRule, ":rule/"+bus.Name, ":rule/another-bus", 1)
	for queue, policy := range map[string]string{"FetchQueue": "FetchQueuePolicy", "RuleDeadLetters": "RuleDeadLettersPolicy"} {
		admits := func(rule string) bool { return admits(t, parsed, policy, mustHave(t, parsed, queue).ARN, rule) }
		if !admits(anyRule) || !admits(partnerRule) {
			t.Errorf("%s does not admit %s and %s to %s", policy, anyRule, partnerRule, queue)
		}
		if admits(foreignRule) {
			t.Errorf("%s admits %s, which is on another bus", policy, foreignRule)
		}
	}
	var rule struct {
		Targets []struct{ DeadLetterConfig struct{ Arn string } }
	}
	properties(t, parsed, "FetchRule", &rule)
	if want := mustHave(t, parsed, "RuleDeadLetters").ARN; len(rule.Targets) != 1 || rule.Targets[0].DeadLetterConfig.Arn != want {
		t.Errorf("FetchRule has targets %+v, want one whose dead letters go to %s", rule.Targets, want)
	}
}

// admits reports whether a queue policy lets EventBridge send to a queue on behalf of a rule.
func admits(t *testing.T, parsed *sam.Template, policy, queueARN, ruleARN string) bool {
	t.Helper()
	var p struct {
		PolicyDocument struct {
			Statement []struct {
				Effect, Action, Resource string
				Principal                struct{ Service string }
				Condition                struct {
					ArnLike map[string]oneOrMore
				}
			}
		}
	}
	properties(t, parsed, policy, &p)
	for _, s := range p.PolicyDocument.Statement {
		if s.Effect != "Allow" || s.Action != "sqs:SendMessage" || s.Resource != queueARN || s.Principal.Service != "events.amazonaws.com" {
			continue
		}
		for _, like := range s.Condition.ArnLike["aws:SourceArn"] {
			if matchesWildcard(t, like, ruleARN) {
				return true
			}
		}
	}
	return false
}

// matchesWildcard uses the event patterns' wildcard, whose * means the same as in ARNs.
func matchesWildcard(t *testing.T, like, text string) bool {
	t.Helper()
	compiled, err := pattern.Compile(encode(t, map[string]any{"x": []any{map[string]string{"wildcard": like}}}))
	if err != nil {
		t.Fatal(err)
	}
	match, err := compiled.Match(encode(t, map[string]string{"x": text}))
	return match && err == nil
}

// oneOrMore is a list of strings, or one alone, as policies write them.
type oneOrMore []string

func (o *oneOrMore) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*o = oneOrMore{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(o))
}

// properties decodes a resource's resolved properties.
func properties(t *testing.T, parsed *sam.Template, id string, into any) {
	t.Helper()
	if err := json.Unmarshal(encode(t, mustHave(t, parsed, id).Properties), into); err != nil {
		t.Fatalf("%s: %v", id, err)
	}
}

func mustHave(t *testing.T, parsed *sam.Template, id string) sam.Resource {
	t.Helper()
	resource, ok := parsed.Resource(id)
	if !ok {
		t.Fatalf("template.yaml has no %s", id)
	}
	return resource
}

package contract_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/config"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/eventbridge/pattern"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
)

// stripesLimit is the number of requests a second that Stripe allows for one endpoint: https://docs.stripe.com/rate-limits.
const stripesLimit = 25

// With the defaults, all fetchers and the reconciler together at their full rates stay below
// Stripe's limit, which in a sandbox is for all requests.
func TestFunctionsStayBelowStripesLimit(t *testing.T) {
	t.Parallel()
	parsed := readTemplate(t, nil)
	limit := func(function string) (rate float64) {
		var f struct {
			Environment struct{ Variables map[string]any }
		}
		properties(t, parsed, function, &f)
		if _, err := fmt.Sscan(fmt.Sprint(f.Environment.Variables[config.StripeRateLimit]), &rate); err != nil || rate <= 0 {
			t.Fatalf("%s has the limit %v: %v", function, rate, err)
		}
		return rate
	}
	var instances float64
	if _, err := fmt.Sscan(parsed.Parameters["FetcherConcurrency"], &instances); err != nil {
		t.Fatal(err)
	}
	fetchers, reconciler := instances*limit("FetcherFunction"), limit("ReconcilerFunction")
	if reconciler > 4 || fetchers+reconciler >= stripesLimit {
		t.Errorf("%v requests/s by the fetchers and %v by the reconciler, want at most 4 by the latter and fewer than %d in all", fetchers, reconciler, stripesLimit)
	}
}

// A message must not become visible again while a fetcher may still be working on its batch. AWS advises a
// visibility timeout of six times the function's:
// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html.
func TestVisibilityTimeoutIsSixTimesTheFetchersTimeout(t *testing.T) {
	t.Parallel()
	parsed := readTemplate(t, nil)
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

// The queue policies admit every rule of the bus, and the fetch rule has a dead-letter queue.
func TestEveryRuleOfTheBusMayDeliver(t *testing.T) {
	t.Parallel()
	parsed := readTemplate(t, nil)
	bus := resource(t, parsed, "EventBus")
	anyRule := strings.Replace(bus.ARN, ":event-bus/", ":rule/", 1) + "/a-rule-added-later"
	partnerRule := strings.Replace(anyRule, ":rule/"+bus.Name, ":rule/aws.partner/stripe.com/ed_1", 1)
	foreignRule := strings.Replace(anyRule, ":rule/"+bus.Name, ":rule/another-bus", 1)
	for queue, policy := range map[string]string{"FetchQueue": "FetchQueuePolicy", "RuleDeadLetters": "RuleDeadLettersPolicy"} {
		admits := func(rule string) bool { return admits(t, parsed, policy, resource(t, parsed, queue).ARN, rule) }
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
	if want := resource(t, parsed, "RuleDeadLetters").ARN; len(rule.Targets) != 1 || rule.Targets[0].DeadLetterConfig.Arn != want {
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

// oneOrMore is a list of strings, which a policy may also write as a single string.
type oneOrMore []string

func (o *oneOrMore) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*o = oneOrMore{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(o))
}

// The fetcher cannot feed itself: for every type, no rule sends an event to its queue whose source
// its role may put on the bus.
func TestFetchRulesNeverMatchWhatTheFetcherEmits(t *testing.T) {
	t.Parallel()
	const partner = "aws.partner/stripe.com/ed_test_1"
	parsed := readTemplate(t, map[string]string{"PartnerEventBus": partner})
	queue := resource(t, parsed, "FetchQueue")
	sources := emittedSources(t, parsed)
	if len(sources) == 0 {
		t.Fatal("FetcherRole allows no event source")
	}
	types := strings.Split(parsed.Parameters["FetchedTypes"], ",")
	rules := 0
	for _, r := range parsed.Resources {
		if r.Type != "AWS::Events::Rule" || !strings.Contains(string(encode(t, r.Properties["Targets"])), queue.ARN) {
			continue
		}
		rules++
		compiled, err := pattern.Compile(encode(t, r.Properties["EventPattern"]))
		if err != nil {
			t.Fatal(err)
		}
		thin := "stripe.thin"
		if r.Properties["EventBusName"] == partner {
			thin = partner
		}
		for _, eventType := range types {
			if match, err := compiled.Match(busEvent(t, thin, eventType)); err != nil || !match {
				t.Errorf("%s does not match a thin %s (%v)", r.LogicalID, eventType, err)
			}
			for _, source := range sources {
				if match, err := compiled.Match(busEvent(t, source, eventType)); err != nil || match {
					t.Errorf("%s matches %s %s, which the fetcher emits (%v)", r.LogicalID, source, eventType, err)
				}
			}
		}
	}
	if rules != 2 {
		t.Errorf("%d rules target FetchQueue, want FetchRule and PartnerFetchRule", rules)
	}
}

// Stripe's partner bus is optional. What its rule cannot deliver is kept, as for the stack's own.
func TestPartnerFetchRuleDeliversAsFetchRuleDoes(t *testing.T) {
	t.Parallel()
	if _, has := readTemplate(t, nil).Resource("PartnerFetchRule"); has {
		t.Error("there is a rule on a partner bus by default")
	}
	parsed := readTemplate(t, map[string]string{"PartnerEventBus": "aws.partner/stripe.com/ed_1"})
	own, partner := resource(t, parsed, "FetchRule"), resource(t, parsed, "PartnerFetchRule")
	if diff := cmp.Diff(own.Properties["Targets"], partner.Properties["Targets"]); diff != "" {
		t.Errorf("targets: -own +partner:\n%s", diff)
	}
	for queue, policy := range map[string]string{"FetchQueue": "FetchQueuePolicy", "RuleDeadLetters": "RuleDeadLettersPolicy"} {
		if !admits(t, parsed, policy, resource(t, parsed, queue).ARN, partner.ARN) {
			t.Errorf("%s does not admit %s", policy, partner.ARN)
		}
	}
	for _, name := range []string{"default", "aws.partner/example.com/1", "aws.partner/stripe.com/", "aws.partner/stripe.com/ed_1/x"} {
		if _, err := sam.Parse([]byte(read(t, "template.yaml")), &sam.Options{Parameters: map[string]string{"PartnerEventBus": name}}); err == nil {
			t.Errorf("PartnerEventBus=%s is accepted", name)
		}
	}
}

// emittedSources returns the event sources that the fetcher's role allows, which are all that it
// can emit.
func emittedSources(t *testing.T, parsed *sam.Template) []string {
	t.Helper()
	var role struct {
		Policies []struct {
			PolicyDocument struct {
				Statement []struct {
					Condition struct {
						Sources map[string][]string `json:"ForAllValues:StringEquals"`
					}
				}
			}
		}
	}
	properties(t, parsed, "FetcherRole", &role)
	var sources []string
	for _, statement := range role.Policies[0].PolicyDocument.Statement {
		sources = append(sources, statement.Condition.Sources["events:source"]...)
	}
	return sources
}

func busEvent(t *testing.T, source, eventType string) []byte {
	t.Helper()
	return encode(t, map[string]any{
		"version": "0", "id": "00000000-0000-4000-8000-000000000000", "source": source, "detail-type": eventType,
		"detail": map[string]string{"id": "evt_1", "type": eventType},
	})
}

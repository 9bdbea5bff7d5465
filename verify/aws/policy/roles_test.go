package policy_test

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
	"github.com/meterbridge/meterbridge/verify/aws/policy"
)

// needed lists the calls that each role of template.yaml needs: action, resource and, for
// PutEvents, the source.
var needed = map[string][]string{
	"WebhookRole": {
		"events:PutEvents EventBus stripe.snapshot",
		"events:PutEvents EventBus stripe.thin",
		"logs:CreateLogStream WebhookLogs",
		"logs:PutLogEvents WebhookLogs",
		"secretsmanager:GetSecretValue SigningSecret",
	},
	"FetcherRole": {
		"dynamodb:UpdateItem LedgerTable",
		"events:PutEvents EventBus stripe.event",
		"events:PutEvents EventBus stripe.failure",
		"logs:CreateLogStream FetcherLogs",
		"logs:PutLogEvents FetcherLogs",
		"secretsmanager:GetSecretValue ApiKeySecret",
		"sqs:ChangeMessageVisibility FetchQueue",
		"sqs:DeleteMessage FetchQueue",
		"sqs:GetQueueAttributes FetchQueue",
		"sqs:ReceiveMessage FetchQueue",
		"sqs:SendMessage DeadLetters",
	},
	"ReconcilerRole": {
		"dynamodb:GetItem LedgerTable",
		"dynamodb:UpdateItem LedgerTable",
		"events:PutEvents EventBus stripe.thin",
		"logs:CreateLogStream ReconcilerLogs",
		"logs:PutLogEvents ReconcilerLogs",
		"secretsmanager:GetSecretValue ApiKeySecret",
	},
	"ReconcilerScheduleRole": {
		"lambda:InvokeFunction ReconcilerFunction",
	},
}

// harmful lists the calls that would do the most damage. TestRolesMayDoNothingElse covers them too;
// here they are named.
var harmful = []struct{ role, act, call string }{
	{"WebhookRole", "read the API key", "secretsmanager:GetSecretValue ApiKeySecret"},
	{"WebhookRole", "change the signing secret", "secretsmanager:PutSecretValue SigningSecret"},
	{"WebhookRole", "fake a fetched event", "events:PutEvents EventBus stripe.event"},
	{"WebhookRole", "put an event on another bus", "events:PutEvents OtherBus stripe.thin"},
	{"WebhookRole", "read the queue", "sqs:ReceiveMessage FetchQueue"},
	{"WebhookRole", "mark an event as emitted", "dynamodb:UpdateItem LedgerTable"},
	{"FetcherRole", "read the signing secret", "secretsmanager:GetSecretValue SigningSecret"},
	{"FetcherRole", "put thin events, which would cause a loop", "events:PutEvents EventBus stripe.thin"},
	{"FetcherRole", "put as Stripe's own bus", "events:PutEvents EventBus aws.partner/stripe.com/x"},
	{"FetcherRole", "read dead letters", "sqs:ReceiveMessage DeadLetters"},
	{"FetcherRole", "purge the queue", "sqs:PurgeQueue FetchQueue"},
	{"FetcherRole", "delete from the ledger", "dynamodb:DeleteItem LedgerTable"},
	{"FetcherRole", "scan the ledger", "dynamodb:Scan LedgerTable"},
	{"FetcherRole", "write another table", "dynamodb:UpdateItem OtherTable"},
	{"ReconcilerRole", "put full events", "events:PutEvents EventBus stripe.event"},
	{"ReconcilerRole", "read the signing secret", "secretsmanager:GetSecretValue SigningSecret"},
	{"ReconcilerRole", "scan the ledger", "dynamodb:Scan LedgerTable"},
	{"ReconcilerRole", "read another table", "dynamodb:GetItem OtherTable"},
	{"ReconcilerScheduleRole", "invoke the fetcher", "lambda:InvokeFunction FetcherFunction"},
	{"ReconcilerScheduleRole", "change code", "lambda:UpdateFunctionCode ReconcilerFunction"},
}

// actions are tried with every role on every resource: those that a role needs, and some that no
// role may have.
var actions = []string{
	"dynamodb:BatchWriteItem", "dynamodb:DeleteItem", "dynamodb:DeleteTable", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:Scan",
	"dynamodb:UpdateItem", "events:DeleteRule", "events:PutEvents", "events:PutRule", "events:PutTargets", "events:RemoveTargets", "iam:PassRole", "iam:PutRolePolicy",
	"lambda:InvokeFunction", "lambda:UpdateFunctionCode", "lambda:UpdateFunctionConfiguration", "logs:CreateLogGroup", "logs:CreateLogStream", "logs:DeleteLogGroup",
	"logs:GetLogEvents", "logs:PutLogEvents", "secretsmanager:DeleteSecret", "secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue",
	"secretsmanager:PutSecretValue", "secretsmanager:UpdateSecret", "sns:Publish", "sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:DeleteQueue",
	"sqs:GetQueueAttributes", "sqs:PurgeQueue", "sqs:ReceiveMessage", "sqs:SendMessage", "sqs:SetQueueAttributes", "sts:AssumeRole",
}

var sources = []string{"stripe.thin", "stripe.snapshot", "stripe.event", "stripe.failure", "stripe.other", "aws.partner/stripe.com/x"}

// foreign are resources of the same account that do not belong to the stack.
var foreign = map[string]string{
	"OtherBus":    "arn:aws:events:us-east-1:000000000000:event-bus/default",
	"OtherQueue":  "arn:aws:sqs:us-east-1:000000000000:other",
	"OtherTable":  "arn:aws:dynamodb:us-east-1:000000000000:table/other",
	"OtherSecret": "arn:aws:secretsmanager:us-east-1:000000000000:secret:other-AbCdEf",
	"OtherLogs":   "arn:aws:logs:us-east-1:000000000000:log-group:other",
}

func TestRolesMayMakeTheCallsTheyNeed(t *testing.T) {
	t.Parallel()
	s := readStack(t)
	for role, calls := range needed {
		for _, call := range calls {
			t.Run(role+"/allowed/"+call, func(t *testing.T) {
				t.Parallel()
				if !s.allows(t, role, call) {
					t.Errorf("%s may not %s", role, call)
				}
			})
		}
	}
}

func TestHarmfulCallsAreDenied(t *testing.T) {
	t.Parallel()
	s := readStack(t)
	for _, f := range harmful {
		t.Run(f.role+"/denied/"+f.act, func(t *testing.T) {
			t.Parallel()
			if s.allows(t, f.role, f.call) {
				t.Errorf("%s may %s: %s", f.role, f.act, f.call)
			}
		})
	}
}

// TestRolesMayDoNothingElse tries every action on every resource.
func TestRolesMayDoNothingElse(t *testing.T) {
	t.Parallel()
	s := readStack(t)
	tried := 0
	for _, role := range s.roles {
		var got []string
		for _, call := range s.calls() {
			tried++
			if s.allows(t, role, call) {
				got = append(got, call)
			}
		}
		slices.Sort(got)
		if diff := cmp.Diff(needed[role], got); diff != "" {
			t.Errorf("%s: calls that it needs (-) and may make (+):\n%s", role, diff)
		}
	}
	t.Logf("tried %d calls", tried)
}

// AWS does not document whether PutEvents is evaluated once for all entries, with all their sources
// as values of events:source, or once for each entry. Under both interpretations a batch is allowed
// if every source is allowed; under the first it is denied if one is not, or if there is no source.
func TestBatchesOfEventsAreJudgedByAllTheirSources(t *testing.T) {
	t.Parallel()
	s := readStack(t)
	for role, allowed := range map[string][]string{
		"WebhookRole":    {"stripe.thin", "stripe.snapshot"},
		"FetcherRole":    {"stripe.event", "stripe.failure"},
		"ReconcilerRole": {"stripe.thin"},
	} {
		const call = "events:PutEvents EventBus "
		own := strings.Join(allowed, ",")
		for _, batch := range append(allowed, own, allowed[0]+","+own, strings.Repeat(allowed[0]+",", 9)+allowed[0]) {
			if !s.allows(t, role, call+batch) {
				t.Errorf("%s may not put a batch of %s", role, batch)
			}
		}
		for _, source := range sources {
			if batch := own + "," + source; !slices.Contains(allowed, source) && s.allows(t, role, call+batch) {
				t.Errorf("%s may put a batch of %s", role, batch)
			}
		}
		if s.allows(t, role, "events:PutEvents EventBus") {
			t.Errorf("%s may put a batch without a source", role)
		}
	}
}

// TestRolesMayDoNothingElse would miss an action that it does not try.
func TestEveryActionOfThePoliciesIsTried(t *testing.T) {
	t.Parallel()
	s := readStack(t)
	for _, role := range s.roles {
		for _, document := range s.documents(t, role) {
			for _, statement := range document.Statement {
				for _, action := range statement.Action {
					if !slices.Contains(actions, action) {
						t.Errorf("%s, %s: action %s is not in the list of actions to try", role, statement.Sid, action)
					}
				}
			}
		}
	}
}

// stack is the resolved template.
type stack struct {
	*sam.Template
	roles []string
}

func readStack(t *testing.T) *stack {
	t.Helper()
	source, err := os.ReadFile("../../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := sam.Parse(source, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := &stack{Template: parsed}
	for _, r := range parsed.Resources {
		if r.Type == "AWS::IAM::Role" {
			s.roles = append(s.roles, r.LogicalID)
		}
	}
	if len(s.roles) == 0 {
		t.Fatal("the template has no roles")
	}
	return s
}

// calls returns every call to try: each action on each resource, and PutEvents with each source.
func (s *stack) calls() []string {
	var calls, resources []string
	for _, r := range s.Resources {
		if r.ARN != "" {
			resources = append(resources, r.LogicalID)
		}
	}
	for name := range foreign {
		resources = append(resources, name)
	}
	for _, resource := range resources {
		for _, action := range actions {
			if action != "events:PutEvents" {
				calls = append(calls, action+" "+resource)
				continue
			}
			for _, source := range sources {
				calls = append(calls, action+" "+resource+" "+source)
			}
		}
	}
	return calls
}

func (s *stack) allows(t *testing.T, role, call string) bool {
	t.Helper()
	words := strings.Split(call, " ")
	c := policy.Call{Action: words[0], Resource: s.arn(t, words[1]), Context: map[string]policy.Strings{}}
	if len(words) > 2 {
		c.Context["events:source"] = strings.Split(words[2], ",")
	}
	allowed, err := policy.Allows(s.documents(t, role), c)
	if err != nil {
		t.Fatalf("%s: %v", role, err)
	}
	return allowed
}

// arn returns the ARN that calls use for a resource. For a log group it is that of a stream.
func (s *stack) arn(t *testing.T, name string) string {
	t.Helper()
	if arn := foreign[name]; arn != "" {
		return arn
	}
	r, ok := s.Resource(name)
	if !ok {
		t.Fatalf("the template has no %s", name)
	}
	if r.Type == "AWS::Logs::LogGroup" {
		return strings.TrimSuffix(r.ARN, ":*") + ":log-stream:1"
	}
	return r.ARN
}

// documents returns the policies of a role. It fails if there are managed policies, which this test
// cannot read.
func (s *stack) documents(t *testing.T, role string) []*policy.Document {
	t.Helper()
	r, ok := s.Resource(role)
	if !ok {
		t.Fatalf("the template has no %s", role)
	}
	if r.Properties["ManagedPolicyArns"] != nil {
		t.Fatalf("%s has managed policies", role)
	}
	policies, _ := r.Properties["Policies"].([]any)
	var documents []*policy.Document
	for _, p := range policies {
		documents = append(documents, parse(t, p.(map[string]any)["PolicyDocument"]))
	}
	return documents
}

func parse(t *testing.T, document any) *policy.Document {
	t.Helper()
	raw, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := policy.Parse(raw)
	if err != nil {
		t.Fatal(fmt.Errorf("%w: %s", err, raw))
	}
	return parsed
}

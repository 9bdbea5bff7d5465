package main

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"go.yaml.in/yaml/v3"
)

// A workaround makes up for a feature that MiniStack lacks. The checks print each one, and check
// that it is still needed.
type workaround struct {
	lacks string // what MiniStack lacks
	says  string // description of the workaround, as a format with the resources concerned, if any

	// apply changes a copy of the template and returns the resources concerned. Nil means that the
	// checks act at run time.
	apply func(*sourceTemplate) []string

	// needed asks MiniStack whether it still lacks this.
	needed func(context.Context, *ministack) (bool, error)
}

// workarounds lists everything that prevents MiniStack from running template.yaml unchanged.
var workarounds = []workaround{
	unknownType("AWS::EventSchemas::Schema"),
	unknownType("AWS::EventSchemas::Registry"),
	unknownType("AWS::Events::Archive"),
	unknownType("AWS::Logs::Delivery"),
	unknownType("AWS::Logs::DeliveryDestination"),
	unknownType("AWS::Logs::DeliverySource"),
	{
		lacks:  "alarms with metric math",
		says:   "left out: %s",
		apply:  removeMetricMath,
		needed: refusesMetricMath,
	},
	{
		lacks:  "the ARN of a secret as the value of Ref",
		says:   "replaced by GetAtt of the secret's Id in %s",
		apply:  secretsById,
		needed: refersToSecretsByName,
	},
	{
		lacks:  "the condition key events:source",
		says:   "the condition is left out of %s, because it would deny every PutEvents",
		apply:  withoutSourceCondition,
		needed: deniesSource,
	},
	{
		lacks:  "numbers from parameters for MaximumConcurrency",
		says:   "%s: replaced by the parameter's default, because with the text no message is polled",
		apply:  literalConcurrency,
		needed: keepsConcurrencyAsText,
	},
	{
		lacks:  "routes from the Body of an HTTP API",
		says:   "created by calls, from the Body that SAM has generated",
		needed: ignoresBody,
	},
	{
		lacks:  "its own address in the environment of functions",
		says:   "AWS_ENDPOINT_URL is set for the server, whose environment functions get",
		needed: hidesEndpoint,
	},
}

// differences are the remaining differences from a deployment on AWS, which the checks introduce
// themselves.
var differences = []string{
	"functions are compiled for this machine and run as processes, whatever the template's architecture",
	"a message that the fetcher defers becomes visible once the functions have made no call for " + idleTime.String() + ", without waiting for its backoff",
}

// adapt returns a copy of a template that MiniStack can deploy, and a line for each workaround that
// was applied.
func adapt(file string) (*sourceTemplate, []string, error) {
	t, err := readTemplate(file)
	if err != nil {
		return nil, nil, err
	}
	var lines []string
	for _, w := range workarounds {
		says := w.says
		if w.apply != nil {
			concerned := w.apply(t)
			if len(concerned) == 0 {
				continue // the template no longer contains it
			}
			says = fmt.Sprintf(says, strings.Join(concerned, ", "))
		}
		lines = append(lines, "MiniStack lacks "+w.lacks+": "+says)
	}
	return t, lines, nil
}

// unknownType is the workaround for a resource type that MiniStack's CloudFormation does not
// support.
func unknownType(resourceType string) workaround {
	return workaround{
		lacks: resourceType,
		says:  "left out: %s",
		apply: func(t *sourceTemplate) []string {
			var ids []string
			for id, found := range t.types() {
				if found == resourceType {
					ids = append(ids, id)
				}
			}
			slices.Sort(ids)
			return leaveOut(t, ids)
		},
		needed: func(ctx context.Context, m *ministack) (bool, error) {
			_, err := m.cloudformation().ValidateTemplate(ctx, &cloudformation.ValidateTemplateInput{
				TemplateBody: aws.String(`{"Resources":{"Probe":{"Type":"` + resourceType + `"}}}`),
			})
			if err != nil && strings.Contains(err.Error(), "Unrecognized resource types: ["+resourceType+"]") {
				return true, nil
			}
			return false, err
		},
	}
}

// leaveOut removes resources. It replaces references to them outside lists with a text, and also
// returns the resources with such references.
func leaveOut(t *sourceTemplate, ids []string) []string {
	for _, id := range t.remove(ids...) {
		ids = append(ids, "and in "+id+" the reference to it")
	}
	return ids
}

func removeMetricMath(t *sourceTemplate) []string {
	var ids []string
	for id, resource := range members(t.section("Resources")) {
		if member(resource, "Properties", "Metrics") != nil {
			ids = append(ids, id)
		}
	}
	return leaveOut(t, ids)
}

// literalConcurrency replaces each MaximumConcurrency that refers to a parameter by the parameter's
// default.
func literalConcurrency(t *sourceTemplate) (ids []string) {
	for id, resource := range members(t.section("Resources")) {
		for _, event := range members(member(resource, "Properties", "Events")) {
			scaling := member(event, "Properties", "ScalingConfig")
			concurrency := member(scaling, "MaximumConcurrency")
			if concurrency == nil {
				continue
			}
			for _, parameter := range references(concurrency) {
				if value := member(t.section("Parameters"), parameter, "Default"); value != nil {
					setMember(scaling, "MaximumConcurrency", value.Value)
					ids = append(ids, id)
				}
			}
		}
	}
	return ids
}

// secretsById replaces each Ref of a secret by GetAtt of its Id, which is the ARN as well:
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-secretsmanager-secret.html#aws-resource-secretsmanager-secret-return-values
func secretsById(t *sourceTemplate) (ids []string) {
	types := t.types()
	for _, section := range []string{"Resources", "Outputs"} {
		for id, node := range members(t.section(section)) {
			changed := false
			visit(node, func(n *yaml.Node) {
				if n.Tag == "!Ref" && types[n.Value] == "AWS::SecretsManager::Secret" {
					n.Tag, n.Value, changed = "!GetAtt", n.Value+".Id", true
				}
			})
			if changed {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// sourceKey is the condition key for the sources of the events in a PutEvents.
const sourceKey = "events:source"

// withoutSourceCondition removes the conditions on the source of events from policies.
func withoutSourceCondition(t *sourceTemplate) (ids []string) {
	for id, resource := range members(t.section("Resources")) {
		changed := false
		visit(resource, func(statement *yaml.Node) {
			conditions := member(statement, "Condition")
			for operator, keys := range maps.Collect(members(conditions)) {
				if member(keys, sourceKey) == nil {
					continue
				}
				changed = true
				if removeMember(keys, sourceKey); len(keys.Content) == 0 {
					removeMember(conditions, operator)
				}
			}
			if conditions != nil && conditions.Kind == yaml.MappingNode && len(conditions.Content) == 0 {
				removeMember(statement, "Condition")
			}
		})
		if changed {
			ids = append(ids, id)
		}
	}
	return ids
}

// stillNeeded asks MiniStack about each workaround, on a server whose functions do not get its
// address. It returns those that are no longer needed.
func (m *ministack) stillNeeded(ctx context.Context) error {
	var problems []error
	for _, w := range workarounds {
		needed, err := w.needed(ctx, m)
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", w.lacks, err))
		} else if !needed {
			problems = append(problems, fmt.Errorf("MiniStack no longer lacks %s: remove the workaround from workarounds.go", w.lacks))
		}
	}
	return errors.Join(problems...)
}

// probe creates a stack from a template and waits until that has finished. It returns the stack's
// final state, and the reasons of failures.
func (m *ministack) probe(ctx context.Context, name, template string) (*stackState, string, error) {
	client := m.cloudformation()
	if _, err := client.CreateStack(ctx, &cloudformation.CreateStackInput{StackName: &name, TemplateBody: &template, Capabilities: []types.Capability{types.CapabilityCapabilityIam}}); err != nil {
		return nil, "", err
	}
	for range 200 {
		state, err := m.describe(ctx, name)
		if err != nil {
			return nil, "", err
		}
		if !strings.HasSuffix(state.status, "_IN_PROGRESS") {
			reasons, err := m.reasons(ctx, name)
			return state, reasons, err
		}
		time.Sleep(50 * time.Millisecond)
	}
	return nil, "", fmt.Errorf("stack %s does not come to an end", name)
}

// events returns the events of a stack, the newest first.
func (m *ministack) events(ctx context.Context, stack string) (events []types.StackEvent, err error) {
	pages := cloudformation.NewDescribeStackEventsPaginator(m.cloudformation(), &cloudformation.DescribeStackEventsInput{StackName: &stack})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("events of stack %s: %w", stack, err)
		}
		events = append(events, page.StackEvents...)
	}
	return events, nil
}

// reasons returns the reasons that the events of a stack give for failures, one a line.
func (m *ministack) reasons(ctx context.Context, stack string) (string, error) {
	events, err := m.events(ctx, stack)
	var reasons []string
	for _, e := range events {
		if e.ResourceStatusReason != nil && strings.Contains(string(e.ResourceStatus), "FAILED") {
			reasons = append(reasons, fmt.Sprintf("%s: %s", *e.LogicalResourceId, *e.ResourceStatusReason))
		}
	}
	return strings.Join(reasons, "\n"), err
}

func refusesMetricMath(ctx context.Context, m *ministack) (bool, error) {
	_, reasons, err := m.probe(ctx, "probe-metric-math", `{"Resources":{"Probe":{"Type":"AWS::CloudWatch::Alarm","Properties":{
		"ComparisonOperator":"GreaterThanThreshold","EvaluationPeriods":1,"Threshold":0,"Metrics":[{"Id":"sum","Expression":"SUM([a])"},
		{"Id":"a","ReturnData":false,"MetricStat":{"Stat":"Sum","Period":60,"Metric":{"Namespace":"N","MetricName":"M"}}}]}}}}`)
	return strings.Contains(reasons, "metric math) is not supported"), err
}

func keepsConcurrencyAsText(ctx context.Context, m *ministack) (bool, error) {
	state, _, err := m.probe(ctx, "probe-concurrency", `{"Parameters":{"P":{"Type":"Number","Default":4}},"Resources":{
		"Queue":{"Type":"AWS::SQS::Queue"},
		"Probe":{"Type":"AWS::Lambda::EventSourceMapping","Properties":{"FunctionName":"none","Enabled":false,
		"EventSourceArn":{"Fn::GetAtt":["Queue","Arn"]},"ScalingConfig":{"MaximumConcurrency":{"Ref":"P"}}}}}}`)
	if err != nil {
		return false, err
	}
	var mapping struct {
		ScalingConfig struct{ MaximumConcurrency any }
	}
	err = m.http(ctx, "lambda", http.MethodGet, "/2015-03-31/event-source-mappings/"+state.physical["Probe"], nil, &mapping)
	return mapping.ScalingConfig.MaximumConcurrency == "4", err
}

func refersToSecretsByName(ctx context.Context, m *ministack) (bool, error) {
	state, _, err := m.probe(ctx, "probe-secret", `{"Resources":{"Probe":{"Type":"AWS::SecretsManager::Secret"}}}`)
	return err == nil && !strings.HasPrefix(state.physical["Probe"], "arn:"), err
}

// deniesSource puts an event on a bus, in a role that may do so for one source.
func deniesSource(ctx context.Context, m *ministack) (bool, error) {
	state, _, err := m.probe(ctx, "probe-source", `{"Resources":{"Bus":{"Type":"AWS::Events::EventBus","Properties":{"Name":"probe"}},
		"Probe":{"Type":"AWS::IAM::Role","Properties":{"AssumeRolePolicyDocument":{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"}]},
		"Policies":[{"PolicyName":"probe","PolicyDocument":{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
		"Action":"events:PutEvents","Resource":{"Fn::GetAtt":["Bus","Arn"]},"Condition":{"StringEquals":{"events:source":"probe"}}}]}}]}}}}`)
	if err != nil {
		return false, err
	}
	credentials, err := m.assume(ctx, state.physical["Probe"])
	if err != nil {
		return false, err
	}
	err = m.callAs(ctx, credentials, "events", "AWSEvents.PutEvents", map[string]any{"Entries": []any{map[string]any{
		"EventBusName": "probe", "Source": "probe", "DetailType": "probe", "Detail": "{}"}}})
	if err != nil && strings.Contains(err.Error(), "AccessDenied") {
		return true, nil
	}
	return false, err
}

func ignoresBody(ctx context.Context, m *ministack) (bool, error) {
	state, _, err := m.probe(ctx, "probe-body", `{"Resources":{"Probe":{"Type":"AWS::ApiGatewayV2::Api","Properties":{"Body":{
		"openapi":"3.0.1","info":{"title":"probe"},"paths":{"/probe":{"get":{"x-amazon-apigateway-integration":{
		"type":"http_proxy","httpMethod":"GET","uri":"http://127.0.0.1:9/","payloadFormatVersion":"1.0"}}}}}}}}}`)
	if err != nil {
		return false, err
	}
	routes, err := m.routes(ctx, state.physical["Probe"])
	return len(routes) == 0, err
}

// endpointProbe is a function that answers with its endpoint variable. It is in Python, which
// MiniStack brings along.
const endpointProbe = `#!%s
import json, os, urllib.request
base = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"
while True:
    invocation = urllib.request.urlopen(base + "next")
    answer = json.dumps(os.environ.get("AWS_ENDPOINT_URL", "")).encode()
    urllib.request.urlopen(base + invocation.headers["Lambda-Runtime-Aws-Request-Id"] + "/response", answer)
`

func (w *workspace) endpointProbe() string {
	return fmt.Sprintf(endpointProbe, w.program("ministack", "python"))
}

func hidesEndpoint(ctx context.Context, m *ministack) (bool, error) {
	var archive bytes.Buffer
	z := zip.NewWriter(&archive)
	header := &zip.FileHeader{Name: "bootstrap"}
	header.SetMode(0o755)
	file, err := z.CreateHeader(header)
	if err == nil {
		_, err = file.Write([]byte(m.endpointProbe))
	}
	if err = errors.Join(err, z.Close()); err != nil {
		return false, err
	}
	state, _, err := m.probe(ctx, "probe-endpoint", `{"Resources":{"Role":{"Type":"AWS::IAM::Role","Properties":{
		"AssumeRolePolicyDocument":{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}}}}}`)
	if err != nil {
		return false, err
	}
	err = m.http(ctx, "lambda", http.MethodPost, "/2015-03-31/functions", map[string]any{
		"FunctionName": "probe", "Runtime": "provided.al2023", "Handler": "bootstrap", "Role": "arn:aws:iam::" + account + ":role/" + state.physical["Role"],
		"Code": map[string]any{"ZipFile": base64.StdEncoding.EncodeToString(archive.Bytes())},
	}, nil)
	if err != nil {
		return false, err
	}
	var endpoint string
	err = m.http(ctx, "lambda", http.MethodPost, "/2015-03-31/functions/probe/invocations", map[string]any{}, &endpoint)
	return endpoint == "", err
}

// route is a route of an HTTP API.
type route struct{ RouteKey, Target string }

func (m *ministack) routes(ctx context.Context, api string) ([]route, error) {
	var listed struct{ Items []route }
	err := m.http(ctx, "apigateway", http.MethodGet, "/v2/apis/"+api+"/routes", nil, &listed)
	return listed.Items, err
}

// openAPI is the part of an HTTP API's Body that defines routes, as SAM generates it.
type openAPI struct {
	Paths map[string]map[string]struct {
		Integration struct {
			Type                 string          `json:"type"`
			PayloadFormatVersion string          `json:"payloadFormatVersion"`
			URI                  json.RawMessage `json:"uri"`
		} `json:"x-amazon-apigateway-integration"`
	} `json:"paths"`
}

// invokedFunction matches the function in the uri of an integration.
var invokedFunction = regexp.MustCompile(`\$\{([A-Za-z0-9]+)\.Arn\}/invocations`)

// addRoutes creates the routes of the stack's HTTP API from the Body in its processed template, as
// API Gateway does, unless MiniStack has created them. It returns their keys.
func (m *ministack) addRoutes(ctx context.Context, stack string, state *stackState) ([]string, error) {
	processed, err := m.cloudformation().GetTemplate(ctx, &cloudformation.GetTemplateInput{StackName: &stack, TemplateStage: "Processed"})
	if err != nil {
		return nil, err
	}
	var template struct {
		Resources struct {
			Api struct{ Properties struct{ Body openAPI } }
		}
	}
	if err := json.Unmarshal([]byte(aws.ToString(processed.TemplateBody)), &template); err != nil {
		return nil, fmt.Errorf("processed template: %w", err)
	}
	api := state.physical["Api"]
	present, err := m.routes(ctx, api)
	if err != nil || len(present) > 0 {
		return nil, err
	}
	var keys []string
	paths := template.Resources.Api.Properties.Body.Paths
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		for method, operation := range paths[path] {
			function := invokedFunction.FindSubmatch(operation.Integration.URI)
			if function == nil {
				return nil, fmt.Errorf("%s %s: no function in %s", method, path, operation.Integration.URI)
			}
			var integration struct{ IntegrationId string }
			err := m.http(ctx, "apigateway", http.MethodPost, "/v2/apis/"+api+"/integrations", map[string]any{
				"integrationType": strings.ToUpper(operation.Integration.Type), "payloadFormatVersion": operation.Integration.PayloadFormatVersion,
				"integrationUri": functionARN(state.physical[string(function[1])]),
			}, &integration)
			if err != nil {
				return nil, err
			}
			key := strings.ToUpper(method) + " " + path
			err = m.http(ctx, "apigateway", http.MethodPost, "/v2/apis/"+api+"/routes",
				map[string]any{"routeKey": key, "target": "integrations/" + integration.IntegrationId}, nil)
			if err != nil {
				return nil, err
			}
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("the Body of Api has no paths")
	}
	return keys, nil
}

func functionARN(name string) string {
	return "arn:aws:lambda:" + region + ":" + account + ":function:" + name
}

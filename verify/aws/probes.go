package main

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

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

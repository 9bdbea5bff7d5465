package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
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

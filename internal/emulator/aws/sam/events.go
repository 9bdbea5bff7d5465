package sam

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Route is the resource type that [Events] returns for an HttpApi event, for which SAM generates an
// OpenAPI document. A template cannot use it. Its properties are Method, Path and FunctionArn.
const Route = "AWS::Serverless::HttpApi::Route"

// Events returns the resources that SAM generates from the Events of an AWS::Serverless::Function,
// in the order of their names; for any other resource it returns none. opts are the options of
// [Parse]. An event of an unsupported type becomes a resource whose type names the event, so that
// the caller can report that it is not run. See
// https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification-generated-resources-function.html
func Events(function Resource, opts *Options) ([]Resource, error) {
	if function.Type != "AWS::Serverless::Function" {
		return nil, nil
	}
	events, _ := function.Properties["Events"].(map[string]any)
	var generated []Resource
	for _, name := range slices.Sorted(maps.Keys(events)) {
		described, _ := events[name].(map[string]any)
		eventType, ok := described["Type"].(string)
		if !ok {
			return nil, fmt.Errorf("event %s has no type", name)
		}
		e := event{function: function, options: opts.withDefaults()}
		e.properties, _ = described["Properties"].(map[string]any)
		r := Resource{
			LogicalID: function.LogicalID + name, File: function.File, Line: function.Line, Stack: function.Stack, Properties: map[string]any{},
		}
		r.Name = r.LogicalID
		e.generate(eventType, &r)
		generated = append(generated, r)
	}
	return generated, nil
}

type event struct {
	function   Resource
	properties map[string]any
	options    Options
}

// generate completes r, whose names and line are set.
func (e event) generate(eventType string, r *Resource) {
	switch eventType {
	case "HttpApi":
		r.Type = Route
		r.Properties = map[string]any{
			"Method": strings.ToUpper(cmp.Or(e.property("Method"), "ANY")), "Path": cmp.Or(e.property("Path"), "/{proxy+}"), "FunctionArn": e.function.ARN,
		}
	case "SQS":
		r.Type = "AWS::Lambda::EventSourceMapping"
		maps.Copy(r.Properties, e.properties)
		r.Properties["EventSourceArn"], r.Properties["FunctionName"] = e.properties["Queue"], e.function.ARN
	case "ScheduleV2":
		r.Type = "AWS::Scheduler::Schedule"
		r.Name = cmp.Or(e.property("Name"), r.LogicalID)
		r.ARN = e.arn("scheduler", "schedule/"+cmp.Or(e.property("GroupName"), "default")+"/"+r.Name)
		e.copy(r.Properties, "ScheduleExpression", "ScheduleExpressionTimezone", "StartDate", "EndDate", "FlexibleTimeWindow")
		e.copyState(r.Properties)
		r.Properties["Target"] = e.target("", "Input")
	case "EventBridgeRule", "CloudWatchEvent", "Schedule":
		r.Type = "AWS::Events::Rule"
		r.Name = cmp.Or(e.property("RuleName"), e.options.StackName+"-"+r.LogicalID)
		rule := r.Name
		if bus := e.property("EventBusName"); bus != "" && bus != "default" {
			rule = BusName(bus) + "/" + rule
		}
		r.ARN = e.arn("events", "rule/"+rule)
		e.copy(r.Properties, "EventBusName")
		e.copyState(r.Properties)
		e.rename(r.Properties, "Pattern", "EventPattern")
		e.rename(r.Properties, "Schedule", "ScheduleExpression")
		r.Properties["Targets"] = []any{e.target(r.LogicalID, "Input", "InputPath", "InputTransformer", "DeadLetterConfig")}
	default:
		r.Type = "event of type " + eventType
	}
}

func (e event) target(id string, properties ...string) map[string]any {
	t := map[string]any{"Id": id, "Arn": e.function.ARN}
	e.copy(t, properties...)
	return t
}

func (e event) copy(to map[string]any, properties ...string) {
	for _, name := range properties {
		e.rename(to, name, name)
	}
}

func (e event) rename(to map[string]any, from, name string) {
	if v, ok := e.properties[from]; ok {
		to[name] = v
	}
}

// copyState copies State, or sets it for a schedule with Enabled: false.
func (e event) copyState(to map[string]any) {
	e.copy(to, "State")
	if enabled, _ := scalarString(e.properties["Enabled"]); enabled == "false" {
		to["State"] = "DISABLED"
	}
}

func (e event) property(name string) string {
	s, _ := e.properties[name].(string)
	return s
}

func (e event) arn(service, resource string) string {
	return "arn:aws:" + service + ":" + e.options.Region + ":" + e.options.AccountID + ":" + resource
}

package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// patch replaces the notation of the shapes whose paths match, where AWS's schemas say less than
// its documentation.
type patch struct {
	path     *regexp.Regexp // of a whole path, as in AWS::Events::Rule.Targets[].Arn
	notation any            // nil: that of the shape at the path from
	from     string
	used     map[string]bool // paths
}

func newPatches() []*patch {
	path := func(pattern string) *regexp.Regexp { return regexp.MustCompile("^(?:" + pattern + ")$") }
	const events = `AWS::Serverless::Function\.Events\.\*\.\?`
	object := func(members ...any) map[string]any {
		o := map[string]any{}
		for pair := range slices.Chunk(members, 2) {
			o[pair[0].(string)] = pair[1]
		}
		return o
	}
	return []*patch{
		// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
		{path: path(`AWS::SQS::Queue\.RedriveAllowPolicy`), notation: []any{"string", object("redrivePermission", "=allowAll|byQueue|denyAll", "sourceQueueArns", []any{"string"})}},
		{path: path(`AWS::SQS::Queue\.RedrivePolicy`), notation: []any{"string", object("deadLetterTargetArn!", "string", "maxReceiveCount", "integer")}},
		{path: path(`AWS::DynamoDB::\w+\.(.+\.)?KeySchema\[\]\.KeyType`), notation: "=HASH|RANGE"},
		// What SAM passes through to the resources that it generates.
		{path: path(events + `\.(CloudWatchEvent|EventBridgeRule|Schedule|ScheduleV2)\.Properties\.RetryPolicy`), from: "AWS::Events::Rule.Targets[].RetryPolicy"},
		{path: path(events + `\.CloudWatchEvent\.Properties\.DeadLetterConfig`), from: "AWS::Serverless::Function.Events.*.?.EventBridgeRule.Properties.DeadLetterConfig"},
		{path: path(events + `\.(CloudWatchEvent|EventBridgeRule)\.Properties\.InputTransformer`), from: "AWS::Events::Rule.Targets[].InputTransformer"},
		{path: path(events + `\.SQS\.Properties\.ScalingConfig`), from: "AWS::Lambda::EventSourceMapping.ScalingConfig"},
		// The SAM CLI and the AWS CLI upload what is at a local path.
		{path: path(`AWS::Lambda::(Function\.Code|LayerVersion\.Content)`), notation: []any{"string", "object"}},
		// AWS adds runtimes all the time, and the emulator says which ones it runs.
		{path: path(`AWS::\w+::\w+\.(Runtime|CompatibleRuntimes\[\])`), notation: "string"},
		// Texts in languages that the emulator reads. Logs' account policies are not IAM policies.
		{path: path(`AWS::(DynamoDB|IAM|Lambda|SNS|SQS)::.+\.PolicyDocument|AWS::Logs::ResourcePolicy\.PolicyDocument`), notation: "@policy"},
		{path: path(`AWS::(IAM|KMS|Logs)::.+\.(AssumeRolePolicyDocument|KeyPolicy|ResourcePolicyDocument)|AWS::Serverless::Function\.AssumeRolePolicyDocument`), notation: "@policy"},
		{path: path(`AWS::(Events::EventBus|EventSchemas::RegistryPolicy)\.Policy|AWS::SecretsManager::ResourcePolicy\.ResourcePolicy`), notation: "@policy"},
		{path: path(`AWS::Events::EventBusPolicy\.Statement`), notation: "@statement"},
		{path: path(`AWS::Serverless::(Function|StateMachine)\.Policies`), notation: "@policies"},
		{path: path(`AWS::Events::\w+\.EventPattern|` + events + `\.(CloudWatchEvent|EventBridgeRule)\.Properties\.Pattern`), notation: "@pattern"},
		{path: path(`AWS::Lambda::EventSourceMapping\.FilterCriteria|` + events + `\.SQS\.Properties\.FilterCriteria`), notation: object("Filters", []any{object("Pattern", "@filter")})},
	}
}

// needed matches the paths of members without which the emulator cannot run a resource. Others that
// AWS requires, such as roles, are not required in the table.
var needed = regexp.MustCompile(`^(AWS::DynamoDB::Table\.(KeySchema|(KeySchema|AttributeDefinitions)\[\]\.\w+)|` +
	`AWS::Events::Rule\.Targets\[\]\.(Arn|InputTransformer\.InputTemplate)|` +
	`AWS::Lambda::EventSourceMapping\.FunctionName|` +
	`AWS::Scheduler::Schedule\.(ScheduleExpression|Target|Target\.Arn)|` +
	`AWS::SQS::Queue\.RedrivePolicy\.deadLetterTargetArn|` +
	`AWS::Serverless::Function\.Events\.\*\.\?\.(\w+\.Type|(SQS|EventBridgeRule)\.Properties|SQS\.Properties\.Queue|EventBridgeRule\.Properties\.Pattern|` +
	`\w+\.Properties\.InputTransformer\.InputTemplate))$`)

// patchAll applies the patches to the notations of all resources. It returns an error if a patch
// matches nothing, because then AWS's schemas have changed.
func patchAll(resources map[string]any) error {
	patches := newPatches()
	for _, p := range patches {
		p.used = map[string]bool{}
		if p.from != "" {
			if p.notation = find(resources, p.from); p.notation == nil {
				return fmt.Errorf("there is no shape at %s", p.from)
			}
		}
	}
	for name, shape := range resources {
		resources[name] = patchOne(patches, name, shape)
	}
	for _, p := range patches {
		if len(p.used) == 0 {
			return fmt.Errorf("nothing matches the patch of %s", p.path)
		}
	}
	return nil
}

func patchOne(patches []*patch, path string, shape any) any {
	for _, p := range patches {
		if p.path.MatchString(path) && !p.used[path] {
			p.used[path] = true
			shape = p.notation
			break
		}
	}
	switch s := shape.(type) {
	case map[string]any:
		patched := make(map[string]any, len(s))
		for key, member := range s {
			name := strings.TrimSuffix(key, "!")
			if at := path + "." + name; key == name || needed.MatchString(at) {
				patched[key] = patchOne(patches, at, member)
			} else {
				patched[name] = patchOne(patches, at, member)
			}
		}
		return patched
	case []any:
		items := path + "[]"
		if len(s) > 1 {
			items = path // alternatives
		}
		s = slices.Clone(s)
		for i, member := range s {
			s[i] = patchOne(patches, items, member)
		}
		return s
	}
	return shape
}

// find returns the notation at a path, or nil.
func find(resources map[string]any, path string) any {
	name, rest, _ := strings.Cut(path, ".")
	at := resources[name]
	for part := range strings.SplitSeq(rest, ".") {
		part, isList := strings.CutSuffix(part, "[]")
		members, _ := at.(map[string]any)
		if at = members[part]; at == nil {
			at = members[part+"!"]
		}
		if isList {
			items, ok := at.([]any)
			if !ok {
				return nil
			}
			at = items[0]
		}
	}
	return at
}

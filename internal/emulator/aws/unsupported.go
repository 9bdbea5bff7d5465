package aws

import (
	"slices"
	"strings"
)

// run lists the types that the stack runs; surround those that a deployed stack needs and a local one can do without.
var (
	run = []string{
		"AWS::Serverless::Function", "AWS::Serverless::HttpApi", "AWS::Events::EventBus", "AWS::Events::Rule",
		"AWS::SQS::Queue", "AWS::SecretsManager::Secret", "AWS::Scheduler::Schedule", "AWS::DynamoDB::Table",
	}
	surround = []string{
		"AWS::SQS::QueuePolicy", "AWS::Events::EventBusPolicy", "AWS::Events::Archive", "AWS::SNS::Topic", "AWS::SNS::Subscription",
		"AWS::SNS::TopicPolicy", "AWS::SecretsManager::ResourcePolicy", "AWS::Lambda::Permission", "AWS::Serverless::Application",
		"AWS::IAM::", "AWS::Logs::", "AWS::CloudWatch::", "AWS::EventSchemas::", "AWS::KMS::", "AWS::SSM::",
	}
)

// warnUnsupported names, in one line, the resources that the template describes and this package does not run.
func (s *Stack) warnUnsupported() {
	var left []string
	for _, r := range s.template.Resources {
		matters := !slices.ContainsFunc(surround, func(prefix string) bool { return strings.HasPrefix(r.Type, prefix) })
		if matters && !slices.Contains(run, r.Type) {
			left = append(left, r.LogicalID+" ("+r.Type+")")
		}
	}
	if len(left) > 0 {
		s.warn("not run locally: %s", strings.Join(left, ", "))
	}
}

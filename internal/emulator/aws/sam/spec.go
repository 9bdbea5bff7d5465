package sam

import (
	"cmp"
	"strings"
)

// spec says how resources of one type are named. Templates hold {placeholders}: name, arn, url, the facts of the
// deployment, and the properties listed in defaults.
type spec struct {
	nameProperty string            // property that holds the name
	unnamed      string            // name without it, "{stack}-{logicalId}" when empty
	arn          string            // empty when the type has none
	ref          string            // what Ref gives
	url          string            // of queues
	attributes   map[string]string // what Fn::GetAtt gives besides Arn
	generated    map[string]string // what Ref gives for resources SAM makes of this one, such as Function.Alias
	defaults     map[string]string // properties used in templates, with their defaults
}

func (s spec) defaultName() string { return cmp.Or(s.unnamed, "{stack}-{logicalId}") }

// unknownSpec describes a type that is not in the table.
func unknownSpec(resourceType string) spec {
	service := ""
	if parts := strings.Split(resourceType, "::"); len(parts) > 1 {
		service = strings.ToLower(parts[1])
	}
	return spec{
		nameProperty: "Name",
		arn:          "arn:{partition}:" + service + ":{region}:{account}:{logicalId}",
		ref:          "{name}",
	}
}

const local = "{region}:{account}"

// specs is the "Return values" part of CloudFormation's reference for the types a serverless stack is made of.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/
var specs = map[string]spec{
	"AWS::Events::EventBus": {
		nameProperty: "Name", ref: "{name}", arn: "arn:{partition}:events:" + local + ":event-bus/{name}",
		attributes: map[string]string{"Name": "{name}"},
	},
	"AWS::Events::Rule": {
		nameProperty: "Name", ref: "{ruleId}", arn: "arn:{partition}:events:" + local + ":rule/{rule}",
		defaults: map[string]string{"EventBusName": "default"},
	},
	"AWS::Events::Archive": {
		nameProperty: "ArchiveName", ref: "{name}", arn: "arn:{partition}:events:" + local + ":archive/{name}",
		attributes: map[string]string{"ArchiveName": "{name}"},
	},
	"AWS::Events::Connection": {
		nameProperty: "Name", ref: "{name}", arn: "arn:{partition}:events:" + local + ":connection/{name}/{hash}",
		attributes: map[string]string{"SecretArn": "arn:{partition}:secretsmanager:" + local + ":secret:events!connection/{name}-{hash}"},
	},
	"AWS::Events::ApiDestination": {
		nameProperty: "Name", ref: "{name}", arn: "arn:{partition}:events:" + local + ":api-destination/{name}/{hash}",
	},
	"AWS::EventSchemas::Registry": {
		nameProperty: "RegistryName", ref: "{arn}", arn: "arn:{partition}:schemas:" + local + ":registry/{name}",
		attributes: map[string]string{"RegistryArn": "{arn}", "RegistryName": "{name}"},
	},
	"AWS::EventSchemas::Schema": {
		nameProperty: "SchemaName", ref: "{arn}", arn: "arn:{partition}:schemas:" + local + ":schema/{RegistryName}/{name}",
		attributes: map[string]string{"SchemaArn": "{arn}", "SchemaName": "{name}", "SchemaVersion": "1"},
		defaults:   map[string]string{"RegistryName": "discovered-schemas"},
	},
	"AWS::EventSchemas::Discoverer": {
		ref: "{arn}", arn: "arn:{partition}:schemas:" + local + ":discoverer/{name}",
		attributes: map[string]string{"DiscovererArn": "{arn}", "DiscovererId": "{name}", "State": "STARTED"},
	},
	"AWS::Scheduler::Schedule": {
		nameProperty: "Name", ref: "{name}", arn: "arn:{partition}:scheduler:" + local + ":schedule/{GroupName}/{name}",
		defaults: map[string]string{"GroupName": "default"},
	},
	"AWS::Scheduler::ScheduleGroup": {
		nameProperty: "Name", ref: "{name}", arn: "arn:{partition}:scheduler:" + local + ":schedule-group/{name}",
	},
	"AWS::SQS::Queue": {
		nameProperty: "QueueName", ref: "{url}", url: "{endpoint}/{account}/{name}", arn: "arn:{partition}:sqs:" + local + ":{name}",
		attributes: map[string]string{"QueueName": "{name}", "QueueUrl": "{url}"},
		defaults:   map[string]string{"FifoQueue": "false"},
	},
	"AWS::SNS::Topic": {
		nameProperty: "TopicName", ref: "{arn}", arn: "arn:{partition}:sns:" + local + ":{name}",
		attributes: map[string]string{"TopicArn": "{arn}", "TopicName": "{name}"},
	},
	"AWS::SecretsManager::Secret": {
		nameProperty: "Name", ref: "{arn}", arn: "arn:{partition}:secretsmanager:" + local + ":secret:{name}-{hash}",
		attributes: map[string]string{"Id": "{arn}"},
	},
	"AWS::SSM::Parameter": {
		nameProperty: "Name", ref: "{name}", arn: "arn:{partition}:ssm:" + local + ":parameter/{path}",
		attributes: map[string]string{"Type": "{Type}", "Value": "{Value}"},
		defaults:   map[string]string{"Type": "String", "Value": ""},
	},
	"AWS::KMS::Key": {
		unnamed: "{stack}-{id}", ref: "{name}", arn: "arn:{partition}:kms:" + local + ":key/{name}",
		attributes: map[string]string{"KeyId": "{name}"},
	},
	"AWS::S3::Bucket": {
		nameProperty: "BucketName", ref: "{name}", arn: "arn:{partition}:s3:::{name}",
		attributes: map[string]string{
			"DomainName":         "{name}.s3.{suffix}",
			"RegionalDomainName": "{name}.s3.{region}.{suffix}",
		},
	},
	"AWS::Serverless::Function": {
		nameProperty: "FunctionName", ref: "{name}", arn: "arn:{partition}:lambda:" + local + ":function:{name}",
		generated: map[string]string{"Alias": "{arn}:{AutoPublishAlias}", "Version": "{arn}:1"},
		defaults:  map[string]string{"AutoPublishAlias": ""},
	},
	"AWS::Lambda::Function": {
		nameProperty: "FunctionName", ref: "{name}", arn: "arn:{partition}:lambda:" + local + ":function:{name}",
	},
	"AWS::Lambda::Url": {
		ref: "{arn}", arn: "arn:{partition}:lambda:" + local + ":function:{name}",
		attributes: map[string]string{"FunctionArn": "{arn}", "FunctionUrl": "https://{id}.lambda-url.{region}.on.aws/"},
	},
	"AWS::Serverless::HttpApi": {
		nameProperty: "Name", unnamed: "{stack}", ref: "{id}", arn: "arn:{partition}:apigateway:{region}::/apis/{id}",
		attributes: map[string]string{"ApiId": "{id}", "ApiEndpoint": "https://{id}.execute-api.{region}.{suffix}"},
		generated:  map[string]string{"Stage": "{StageName}"},
		defaults:   map[string]string{"StageName": "$default"},
	},
	"AWS::ApiGatewayV2::Api": {
		nameProperty: "Name", ref: "{id}", arn: "arn:{partition}:apigateway:{region}::/apis/{id}",
		attributes: map[string]string{"ApiId": "{id}", "ApiEndpoint": "https://{id}.execute-api.{region}.{suffix}"},
	},
	"AWS::Serverless::Api": {
		nameProperty: "Name", unnamed: "{stack}", ref: "{id}", arn: "arn:{partition}:apigateway:{region}::/restapis/{id}",
		attributes: map[string]string{"RestApiId": "{id}", "RootResourceId": "{id}root"},
		generated:  map[string]string{"Stage": "{StageName}"},
		defaults:   map[string]string{"StageName": "Prod"},
	},
	"AWS::ApiGateway::RestApi": {
		nameProperty: "Name", ref: "{id}", arn: "arn:{partition}:apigateway:{region}::/restapis/{id}",
		attributes: map[string]string{"RestApiId": "{id}", "RootResourceId": "{id}root"},
	},
	"AWS::DynamoDB::Table":         tableSpec,
	"AWS::Serverless::SimpleTable": tableSpec,
	"AWS::Logs::LogGroup": { // its Arn ends in ":*", as CloudFormation's does
		nameProperty: "LogGroupName", ref: "{name}", arn: "arn:{partition}:logs:" + local + ":log-group:{name}:*",
	},
	"AWS::IAM::Role": {
		nameProperty: "RoleName", ref: "{name}", arn: "arn:{partition}:iam::{account}:role{Path}{name}",
		attributes: map[string]string{"RoleId": "AROA{hash}"},
		defaults:   map[string]string{"Path": "/"},
	},
	"AWS::IAM::ManagedPolicy": {
		nameProperty: "ManagedPolicyName", ref: "{arn}", arn: "arn:{partition}:iam::{account}:policy{Path}{name}",
		attributes: map[string]string{"PolicyArn": "{arn}"},
		defaults:   map[string]string{"Path": "/"},
	},
	"AWS::CloudWatch::Alarm": {
		nameProperty: "AlarmName", ref: "{name}", arn: "arn:{partition}:cloudwatch:" + local + ":alarm:{name}",
	},
	"AWS::CloudWatch::CompositeAlarm": {
		nameProperty: "AlarmName", ref: "{name}", arn: "arn:{partition}:cloudwatch:" + local + ":alarm:{name}",
	},
	"AWS::CloudWatch::Dashboard": {
		nameProperty: "DashboardName", ref: "{name}", arn: "arn:{partition}:cloudwatch::{account}:dashboard/{name}",
	},
	"AWS::StepFunctions::StateMachine": stateMachineSpec,
	"AWS::Serverless::StateMachine":    stateMachineSpec,
}

var tableSpec = spec{
	nameProperty: "TableName", ref: "{name}", arn: "arn:{partition}:dynamodb:" + local + ":table/{name}",
	attributes: map[string]string{
		"TableId":   "{hash}",
		"StreamArn": "arn:{partition}:dynamodb:" + local + ":table/{name}/stream/2026-01-01T00:00:00.000",
	},
}

var stateMachineSpec = spec{
	nameProperty: "StateMachineName", ref: "{arn}", arn: "arn:{partition}:states:" + local + ":stateMachine:{name}",
	attributes: map[string]string{"Name": "{name}"},
}

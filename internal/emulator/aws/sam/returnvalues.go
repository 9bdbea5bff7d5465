package sam

import "strings"

// returnValues describes the names of the resources of one type and the values of Ref and
// Fn::GetAtt for them.
//
// Its strings are formats, in which {name}, {logicalId}, {id} (the logical ID in lower case),
// {hash}, {arn}, {url}, a property listed in properties, or a property of the deployment ({stack},
// {region}, ...) is replaced by its value.
type returnValues struct {
	nameProperty string // property that sets the name
	unnamed      string // name of a resource without that property; "{stack}-{logicalId}" when empty
	arn          string // empty when the type has none
	ref          string // value of Ref
	url          string // URL, for queues only
	attributes   values // values of Fn::GetAtt, except Arn
	generated    values // values of Ref for resources that SAM generates from it, such as Function.Alias
	properties   values // properties that the formats mention, with their default values
}

// unknownReturnValues makes up the return values of a type that is not in returnValuesByType.
func unknownReturnValues(resourceType string) returnValues {
	service := ""
	if parts := strings.Split(resourceType, "::"); len(parts) > 1 {
		service = strings.ToLower(parts[1])
	}
	return returnValues{
		nameProperty: "Name",
		arn:          "arn:{partition}:" + service + ":{region}:{account}:{logicalId}",
		ref:          "{name}",
	}
}

const regional = "{region}:{account}"

type values = map[string]string

// returnValuesByType contains the "Return values" in CloudFormation's reference for the types that
// serverless applications use.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/
var returnValuesByType = map[string]returnValues{
	"AWS::Events::EventBus": {nameProperty: "Name", ref: "{name}", arn: "arn:{partition}:events:" + regional + ":event-bus/{name}",
		attributes: values{"Name": "{name}"}},
	"AWS::Events::Rule": {nameProperty: "Name", ref: "{ruleId}", arn: "arn:{partition}:events:" + regional + ":rule/{rule}",
		properties: values{"EventBusName": "default"}},
	"AWS::Events::Archive": {nameProperty: "ArchiveName", ref: "{name}", arn: "arn:{partition}:events:" + regional + ":archive/{name}",
		attributes: values{"ArchiveName": "{name}"}},
	"AWS::Events::Connection": {nameProperty: "Name", ref: "{name}", arn: "arn:{partition}:events:" + regional + ":connection/{name}/{hash}",
		attributes: values{"SecretArn": "arn:{partition}:secretsmanager:" + regional + ":secret:events!connection/{name}-{hash}"}},
	"AWS::Events::ApiDestination": {nameProperty: "Name", ref: "{name}", arn: "arn:{partition}:events:" + regional + ":api-destination/{name}/{hash}"},
	"AWS::EventSchemas::Registry": {nameProperty: "RegistryName", ref: "{arn}", arn: "arn:{partition}:schemas:" + regional + ":registry/{name}",
		attributes: values{"RegistryArn": "{arn}", "RegistryName": "{name}"}},
	"AWS::EventSchemas::Schema": {nameProperty: "SchemaName", ref: "{arn}", arn: "arn:{partition}:schemas:" + regional + ":schema/{RegistryName}/{name}",
		attributes: values{"SchemaArn": "{arn}", "SchemaName": "{name}", "SchemaVersion": "1"}, properties: values{"RegistryName": "discovered-schemas"}},
	"AWS::EventSchemas::Discoverer": {ref: "{arn}", arn: "arn:{partition}:schemas:" + regional + ":discoverer/{name}",
		attributes: values{"DiscovererArn": "{arn}", "DiscovererId": "{name}", "State": "STARTED"}},
	"AWS::Scheduler::Schedule": {nameProperty: "Name", ref: "{name}", arn: "arn:{partition}:scheduler:" + regional + ":schedule/{GroupName}/{name}",
		properties: values{"GroupName": "default"}},
	"AWS::Scheduler::ScheduleGroup": {nameProperty: "Name", ref: "{name}", arn: "arn:{partition}:scheduler:" + regional + ":schedule-group/{name}"},
	"AWS::SQS::Queue": {nameProperty: "QueueName", ref: "{url}", url: "{endpoint}/{account}/{name}", arn: "arn:{partition}:sqs:" + regional + ":{name}",
		attributes: values{"QueueName": "{name}", "QueueUrl": "{url}"}, properties: values{"FifoQueue": "false"}},
	"AWS::SNS::Topic": {nameProperty: "TopicName", ref: "{arn}", arn: "arn:{partition}:sns:" + regional + ":{name}",
		attributes: values{"TopicArn": "{arn}", "TopicName": "{name}"}},
	"AWS::SecretsManager::Secret": {nameProperty: "Name", ref: "{arn}", arn: "arn:{partition}:secretsmanager:" + regional + ":secret:{name}-{hash}",
		attributes: values{"Id": "{arn}"}},
	"AWS::SSM::Parameter": {nameProperty: "Name", ref: "{name}", arn: "arn:{partition}:ssm:" + regional + ":parameter/{path}",
		attributes: values{"Type": "{Type}", "Value": "{Value}"}, properties: values{"Type": "String", "Value": ""}},
	"AWS::KMS::Key": {unnamed: "{stack}-{id}", ref: "{name}", arn: "arn:{partition}:kms:" + regional + ":key/{name}",
		attributes: values{"KeyId": "{name}"}},
	"AWS::S3::Bucket": {nameProperty: "BucketName", ref: "{name}", arn: "arn:{partition}:s3:::{name}",
		attributes: values{"DomainName": "{name}.s3.{suffix}", "RegionalDomainName": "{name}.s3.{region}.{suffix}"}},
	"AWS::Serverless::Function": {nameProperty: "FunctionName", ref: "{name}", arn: "arn:{partition}:lambda:" + regional + ":function:{name}",
		generated: values{"Alias": "{arn}:{AutoPublishAlias}", "Version": "{arn}:1"}, properties: values{"AutoPublishAlias": ""}},
	"AWS::Lambda::Function": {nameProperty: "FunctionName", ref: "{name}", arn: "arn:{partition}:lambda:" + regional + ":function:{name}"},
	"AWS::Lambda::Url": {ref: "{arn}", arn: "arn:{partition}:lambda:" + regional + ":function:{name}",
		attributes: values{"FunctionArn": "{arn}", "FunctionUrl": "https://{id}.lambda-url.{region}.on.aws/"}},
	"AWS::Serverless::HttpApi": {nameProperty: "Name", unnamed: "{stack}", ref: "{id}", arn: "arn:{partition}:apigateway:{region}::/apis/{id}",
		attributes: values{"ApiId": "{id}", "ApiEndpoint": "https://{id}.execute-api.{region}.{suffix}"}, generated: values{"Stage": "{StageName}"}, properties: values{"StageName": "$default"}},
	"AWS::ApiGatewayV2::Api": {nameProperty: "Name", ref: "{id}", arn: "arn:{partition}:apigateway:{region}::/apis/{id}",
		attributes: values{"ApiId": "{id}", "ApiEndpoint": "https://{id}.execute-api.{region}.{suffix}"}},
	"AWS::Serverless::Api": {nameProperty: "Name", unnamed: "{stack}", ref: "{id}", arn: "arn:{partition}:apigateway:{region}::/restapis/{id}",
		attributes: values{"RestApiId": "{id}", "RootResourceId": "{id}root"}, generated: values{"Stage": "{StageName}"}, properties: values{"StageName": "Prod"}},
	"AWS::ApiGateway::RestApi": {nameProperty: "Name", ref: "{id}", arn: "arn:{partition}:apigateway:{region}::/restapis/{id}",
		attributes: values{"RestApiId": "{id}", "RootResourceId": "{id}root"}},
	"AWS::DynamoDB::Table":         tableReturnValues,
	"AWS::Serverless::SimpleTable": tableReturnValues,
	// As in CloudFormation, the ARN ends with ":*".
	"AWS::Logs::LogGroup": {nameProperty: "LogGroupName", ref: "{name}", arn: "arn:{partition}:logs:" + regional + ":log-group:{name}:*"},
	"AWS::IAM::Role": {nameProperty: "RoleName", ref: "{name}", arn: "arn:{partition}:iam::{account}:role{Path}{name}",
		attributes: values{"RoleId": "AROA{hash}"}, properties: values{"Path": "/"}},
	"AWS::IAM::ManagedPolicy": {nameProperty: "ManagedPolicyName", ref: "{arn}", arn: "arn:{partition}:iam::{account}:policy{Path}{name}",
		attributes: values{"PolicyArn": "{arn}"}, properties: values{"Path": "/"}},
	"AWS::CloudWatch::Alarm":           {nameProperty: "AlarmName", ref: "{name}", arn: "arn:{partition}:cloudwatch:" + regional + ":alarm:{name}"},
	"AWS::CloudWatch::CompositeAlarm":  {nameProperty: "AlarmName", ref: "{name}", arn: "arn:{partition}:cloudwatch:" + regional + ":alarm:{name}"},
	"AWS::CloudWatch::Dashboard":       {nameProperty: "DashboardName", ref: "{name}", arn: "arn:{partition}:cloudwatch::{account}:dashboard/{name}"},
	"AWS::StepFunctions::StateMachine": stateMachineReturnValues,
	"AWS::Serverless::StateMachine":    stateMachineReturnValues,
}

var tableReturnValues = returnValues{
	nameProperty: "TableName", ref: "{name}", arn: "arn:{partition}:dynamodb:" + regional + ":table/{name}",
	attributes: values{
		"TableId":   "{hash}",
		"StreamArn": "arn:{partition}:dynamodb:" + regional + ":table/{name}/stream/2026-01-01T00:00:00.000",
	},
}

var stateMachineReturnValues = returnValues{
	nameProperty: "StateMachineName", ref: "{arn}", arn: "arn:{partition}:states:" + regional + ":stateMachine:{name}",
	attributes: values{"Name": "{name}"},
}

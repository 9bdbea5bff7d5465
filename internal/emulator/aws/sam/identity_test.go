package sam_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
)

// TestReturnValuesOfEachType checks what Ref and Fn::GetAtt Arn return, for resources with and
// without a name in the template.
func TestReturnValuesOfEachType(t *testing.T) {
	t.Parallel()
	type identity struct{ Ref, ARN, Name string }
	tests := map[string]struct {
		resource string
		want     identity
	}{
		"bus":                     {`Type: AWS::Events::EventBus, Properties: {Name: b}`, identity{"b", "arn:aws:events:eu-west-1:123456789012:event-bus/b", "b"}},
		"rule":                    {`Type: AWS::Events::Rule`, identity{"s-It", "arn:aws:events:eu-west-1:123456789012:rule/s-It", "s-It"}},
		"rule on a bus":           {`Type: AWS::Events::Rule, Properties: {EventBusName: b, Name: r}`, identity{"b|r", "arn:aws:events:eu-west-1:123456789012:rule/b/r", "r"}},
		"rule on a partner's bus": {`Type: AWS::Events::Rule, Properties: {EventBusName: aws.partner/example.com/b, Name: r}`, identity{"aws.partner/example.com/b|r", "arn:aws:events:eu-west-1:123456789012:rule/aws.partner/example.com/b/r", "r"}},
		"rule, bus's ARN":         {`Type: AWS::Events::Rule, Properties: {EventBusName: "arn:aws:events:eu-west-1:123456789012:event-bus/b"}`, identity{"b|s-It", "arn:aws:events:eu-west-1:123456789012:rule/b/s-It", "s-It"}},
		"queue":                   {`Type: AWS::SQS::Queue`, identity{"http://sqs.local/123456789012/s-It", "arn:aws:sqs:eu-west-1:123456789012:s-It", "s-It"}},
		"queue, no value":         {`Type: AWS::SQS::Queue, Properties: {QueueName: !Ref AWS::NoValue}`, identity{"http://sqs.local/123456789012/s-It", "arn:aws:sqs:eu-west-1:123456789012:s-It", "s-It"}},
		"FIFO queue":              {`Type: AWS::SQS::Queue, Properties: {FifoQueue: true}`, identity{"http://sqs.local/123456789012/s-It.fifo", "arn:aws:sqs:eu-west-1:123456789012:s-It.fifo", "s-It.fifo"}},
		"topic":                   {`Type: AWS::SNS::Topic, Properties: {TopicName: t}`, identity{"arn:aws:sns:eu-west-1:123456789012:t", "arn:aws:sns:eu-west-1:123456789012:t", "t"}},
		"secret":                  {`Type: AWS::SecretsManager::Secret, Properties: {Name: n}`, identity{"arn:aws:secretsmanager:eu-west-1:123456789012:secret:n-b19ee0", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:n-b19ee0", "n"}},
		"function":                {`Type: AWS::Serverless::Function, Properties: {FunctionName: f}`, identity{"f", "arn:aws:lambda:eu-west-1:123456789012:function:f", "f"}},
		"Lambda function":         {`Type: AWS::Lambda::Function`, identity{"s-It", "arn:aws:lambda:eu-west-1:123456789012:function:s-It", "s-It"}},
		"HTTP API":                {`Type: AWS::Serverless::HttpApi`, identity{"it", "arn:aws:apigateway:eu-west-1::/apis/it", "s"}},
		"REST API":                {`Type: AWS::Serverless::Api, Properties: {Name: n}`, identity{"it", "arn:aws:apigateway:eu-west-1::/restapis/it", "n"}},
		"table":                   {`Type: AWS::DynamoDB::Table`, identity{"s-It", "arn:aws:dynamodb:eu-west-1:123456789012:table/s-It", "s-It"}},
		"log group":               {`Type: AWS::Logs::LogGroup, Properties: {LogGroupName: /a/b}`, identity{"/a/b", "arn:aws:logs:eu-west-1:123456789012:log-group:/a/b:*", "/a/b"}},
		"role":                    {`Type: AWS::IAM::Role, Properties: {RoleName: r}`, identity{"r", "arn:aws:iam::123456789012:role/r", "r"}},
		"alarm":                   {`Type: AWS::CloudWatch::Alarm`, identity{"s-It", "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:s-It", "s-It"}},
		"schedule":                {`Type: AWS::Scheduler::Schedule`, identity{"s-It", "arn:aws:scheduler:eu-west-1:123456789012:schedule/default/s-It", "s-It"}},
		"registry":                {`Type: AWS::EventSchemas::Registry`, identity{"arn:aws:schemas:eu-west-1:123456789012:registry/s-It", "arn:aws:schemas:eu-west-1:123456789012:registry/s-It", "s-It"}},
		"bucket":                  {`Type: AWS::S3::Bucket`, identity{"s-it", "arn:aws:s3:::s-it", "s-it"}},
		"state machine":           {`Type: AWS::StepFunctions::StateMachine`, identity{"arn:aws:states:eu-west-1:123456789012:stateMachine:s-It", "arn:aws:states:eu-west-1:123456789012:stateMachine:s-It", "s-It"}},
		"unknown":                 {`Type: AWS::Kinesis::Stream, Properties: {Name: n}`, identity{"n", "arn:aws:kinesis:eu-west-1:123456789012:It", "n"}},
	}
	opts := sam.Options{Region: "eu-west-1", AccountID: "123456789012", StackName: "s", Endpoint: "http://sqs.local", Lenient: true}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tpl := parse(t, "Resources:\n  It: {"+test.resource+"}\nOutputs:\n  Ref: {Value: !Ref It}\n  Arn: {Value: !GetAtt It.Arn}\n", &opts)
			got := identity{tpl.Outputs[0].Value, tpl.Outputs[1].Value, tpl.Resources[0].Name}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if tpl.Resources[0].ARN != got.ARN {
				t.Errorf("Resource.ARN = %q, Fn::GetAtt returns %q", tpl.Resources[0].ARN, got.ARN)
			}
		})
	}
}

func TestPartitionFollowsTheRegion(t *testing.T) {
	t.Parallel()
	const src = "Resources: {A: {Type: AWS::SQS::Queue}}\nOutputs: {Arn: {Value: !GetAtt A.Arn}, Suffix: {Value: !Ref AWS::URLSuffix}}"
	tests := map[string][]string{
		"cn-north-1":    {"arn:aws-cn:sqs:cn-north-1:000000000000:meterbridge-A", "amazonaws.com.cn"},
		"us-gov-west-1": {"arn:aws-us-gov:sqs:us-gov-west-1:000000000000:meterbridge-A", "amazonaws.com"},
	}
	for region, want := range tests {
		tpl := parse(t, src, &sam.Options{Region: region})
		if got := []string{tpl.Outputs[0].Value, tpl.Outputs[1].Value}; !cmp.Equal(got, want) {
			t.Errorf("%s: %q, want %q", region, got, want)
		}
	}
}

func TestNameThatCannotBeDeterminedIsAnError(t *testing.T) {
	t.Parallel()
	wantErrors(t, map[string]errorTest{
		"name not text": {"Resources:\n  A: {Type: AWS::SQS::Queue, Properties: {QueueName: !Split [\",\", a]}}\n", sam.Error{Line: 2, Element: "Resource A", Reason: "QueueName must be a string"}},
		"circular names": {"Resources:\n  A: {Type: AWS::SQS::Queue, Properties: {QueueName: !GetAtt B.QueueName}}\n  B: {Type: AWS::SQS::Queue, Properties: {QueueName: !GetAtt A.QueueName}}\n",
			sam.Error{Line: 2, Element: "Resource A", Reason: "circular reference: B → A → B"}},
		"own alias": {"Resources:\n  F: {Type: AWS::Serverless::Function, Properties: {AutoPublishAlias: !Ref F.Alias}}\n",
			sam.Error{Line: 2, Element: "Resource F", Reason: "circular reference: F → F"}},
	})
}

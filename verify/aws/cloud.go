package main

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// cloud is an emulated AWS, moto or the local stack, as the SDK sees it.
type cloud struct {
	config  aws.Config
	queues  *sqs.Client
	secrets *secretsmanager.Client
}

func newCloud(endpoint, accessKey string) *cloud {
	config := aws.Config{
		Region:       region,
		BaseEndpoint: &endpoint,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: accessKey, SecretAccessKey: "none"}, nil
		}),
	}
	return &cloud{config, sqs.NewFromConfig(config), secretsmanager.NewFromConfig(config)}
}

// receive takes up to n messages, with all that SQS says about them.
func (c *cloud) receive(ctx context.Context, url string, n int) ([]types.Message, error) {
	out, err := c.queues.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl: &url, MaxNumberOfMessages: int32(n), VisibilityTimeout: 300,
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll},
		MessageAttributeNames:       []string{"All"},
	})
	if err != nil {
		return nil, fmt.Errorf("receive from %s: %w", url, err)
	}
	return out.Messages, nil
}

// drain takes every message that is visible.
func (c *cloud) drain(ctx context.Context, url string) ([]types.Message, error) {
	var all []types.Message
	for {
		messages, err := c.receive(ctx, url, 10)
		if err != nil || len(messages) == 0 {
			return all, err
		}
		all = append(all, messages...)
	}
}

// rotate gives a secret a new version; what was current becomes previous.
func (c *cloud) rotate(ctx context.Context, id, value string) error {
	if _, err := c.secrets.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{SecretId: &id, SecretString: &value}); err != nil {
		return fmt.Errorf("rotate secret: %w", err)
	}
	return nil
}

package main

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// clients are the SDK's clients of an emulated AWS: moto, or the local stack.
type clients struct {
	config  aws.Config
	queues  *sqs.Client
	secrets *secretsmanager.Client
}

func newClients(endpoint, accessKey string) *clients {
	config := aws.Config{
		Region:       region,
		BaseEndpoint: &endpoint,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: accessKey, SecretAccessKey: "none"}, nil
		}),
	}
	return &clients{config, sqs.NewFromConfig(config), secretsmanager.NewFromConfig(config)}
}

// receive receives up to n messages with all their attributes.
func (c *clients) receive(ctx context.Context, url string, n int) ([]types.Message, error) {
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

// drain receives every visible message.
func (c *clients) drain(ctx context.Context, url string) ([]types.Message, error) {
	var all []types.Message
	for {
		messages, err := c.receive(ctx, url, 10)
		if err != nil || len(messages) == 0 {
			return all, err
		}
		all = append(all, messages...)
	}
}

// rotate stores a new version of a secret. The current version becomes the previous one.
func (c *clients) rotate(ctx context.Context, id, value string) error {
	if _, err := c.secrets.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{SecretId: &id, SecretString: &value}); err != nil {
		return fmt.Errorf("rotate secret: %w", err)
	}
	return nil
}

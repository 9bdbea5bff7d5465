package deployed

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
)

// The ways in which a machine can fail to name an AWS account. The texts say what to do.
var (
	ErrRegion      = errors.New("deployed: no AWS region: set AWS_REGION to the stack's, or AWS_PROFILE to a profile that has one")
	ErrCredentials = errors.New("deployed: no AWS credentials: log in as for the aws command (aws sso login, aws configure) or set AWS_PROFILE")
)

// AWS returns the configuration that the aws command would use on this machine: environment, profiles, single sign-on.
// It makes sure that there are credentials, so that a command fails before it has begun. Errors are ErrRegion,
// ErrCredentials and those of reading the profiles.
// https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html
func AWS(ctx context.Context) (aws.Config, error) {
	c, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return aws.Config{}, fmt.Errorf("read AWS configuration: %w", err)
	}
	if c.Region == "" {
		return aws.Config{}, ErrRegion
	}
	if _, err := c.Credentials.Retrieve(ctx); err != nil {
		return aws.Config{}, fmt.Errorf("%w: %w", ErrCredentials, err)
	}
	return c, nil
}

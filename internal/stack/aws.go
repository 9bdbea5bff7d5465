package stack

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go/logging"

	"github.com/meterbridge/meterbridge/internal/transport"
)

// Reasons an operator's machine has no access to AWS. The texts say what to do.
var (
	ErrRegion      = errors.New("stack: no AWS region: set AWS_REGION to the stack's, or AWS_PROFILE to a profile that has one")
	ErrCredentials = errors.New("stack: no AWS credentials: log in as for the aws command (aws sso login, aws configure) or set AWS_PROFILE")
)

// An Emulator is an origin that emulates the services of AWS, and the credentials that it accepts.
type Emulator struct{ Endpoint, Region, AccessKeyID, SecretAccessKey string }

// httpClient returns the SDK's own client, with pings on its connections.
func httpClient() *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().WithTransportOptions(transport.Ping)
}

// OperatorConfig returns the configuration that the aws command would use on this machine:
// environment, profiles, single sign-on. It checks that there are credentials, so that a command
// without them fails before it has changed anything. Errors are [ErrRegion], [ErrCredentials] and
// those of reading the profiles.
// https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html
//
// The SDK's own warnings, which would be between the lines of a command, are dropped.
//
// With an emulator, the configuration is the emulator's, with nothing from this machine.
func OperatorConfig(ctx context.Context, e *Emulator) (aws.Config, error) {
	if e != nil {
		return aws.Config{
			Region: e.Region, BaseEndpoint: &e.Endpoint, HTTPClient: httpClient(), Logger: logging.Nop{},
			Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
				return aws.Credentials{AccessKeyID: e.AccessKeyID, SecretAccessKey: e.SecretAccessKey}, nil
			}),
		}, nil
	}
	c, err := config.LoadDefaultConfig(ctx, config.WithHTTPClient(httpClient()), config.WithLogger(logging.Nop{}))
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

// FunctionConfig returns the configuration in the environment that Lambda gives a function, and
// nothing else: region, the role's credentials and the SDK's own variables, such as
// AWS_ENDPOINT_URL and AWS_MAX_ATTEMPTS. The error names every variable that is missing; calls of
// clients made from the configuration then fail.
//
// The SDK's own loader also handles profiles, single sign-on, web identities and instance metadata.
// A function needs none of them, and without that loader its binary is a seventh smaller. Lambda's
// credentials stay valid as long as the process runs.
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
func FunctionConfig() (aws.Config, error) {
	env, err := config.NewEnvConfig()
	if env.Region == "" {
		err = errors.Join(err, errors.New("config: AWS_REGION is missing: Lambda sets it"))
	}
	if !env.Credentials.HasKeys() {
		err = errors.Join(err, errors.New("config: AWS_ACCESS_KEY_ID or AWS_SECRET_ACCESS_KEY is missing: Lambda sets them"))
	}
	c := aws.Config{
		Region: env.Region,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return env.Credentials, nil
		}),
		HTTPClient:       httpClient(),
		RetryMaxAttempts: env.RetryMaxAttempts,
		RetryMode:        env.RetryMode,
		ConfigSources:    []any{env},
	}
	if env.BaseEndpoint != "" {
		c.BaseEndpoint = &env.BaseEndpoint
	}
	return c, err
}

// Package awsenv configures the AWS SDK from the environment that Lambda gives a function, and from nothing else.
//
// The SDK's own loader also knows profiles, single sign-on, web identities and instance metadata. A function has none of
// them, and leaving them out takes a seventh off its binary.
package awsenv

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
)

// Load reads the region, the role's credentials and what else the SDK's environment variables say, AWS_ENDPOINT_URL and
// AWS_MAX_ATTEMPTS for example. Lambda's credentials stay valid for as long as the process lives. The error names every
// variable that is missing; the configuration beside it makes clients, whose calls fail.
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
func Load() (aws.Config, error) {
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
		HTTPClient:       awshttp.NewBuildableClient(),
		RetryMaxAttempts: env.RetryMaxAttempts,
		RetryMode:        env.RetryMode,
		ConfigSources:    []any{env},
	}
	if env.BaseEndpoint != "" {
		c.BaseEndpoint = &env.BaseEndpoint
	}
	return c, err
}

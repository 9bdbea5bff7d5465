package awsctl

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
)

// The staging labels of Secrets Manager:
// https://docs.aws.amazon.com/secretsmanager/latest/userguide/whats-in-a-secret.html#term_version.
const (
	stageCurrent  = "AWSCURRENT"
	stagePrevious = "AWSPREVIOUS"
)

// A Secret is a secret of a stack. It is immutable and safe for concurrent use. Its methods never
// put a value into an error.
type Secret struct {
	Name string // for messages
	arn  string

	client *secretsmanager.Client
}

// Secret returns the secret that an output of the stack names.
func (s *Stack) Secret(output string) (*Secret, error) {
	arn, err := s.Output(output)
	if err != nil {
		return nil, err
	}
	return &Secret{Name: output[:max(0, len(output)-len("Arn"))], arn: arn, client: secretsmanager.NewFromConfig(s.config)}, nil
}

// A Version is a value of a secret.
type Version struct {
	ID      string
	Value   string
	Created time.Time
}

// Current returns the current value. The zero Version means that the secret has none.
func (s *Secret) Current(ctx context.Context) (Version, error) { return s.at(ctx, stageCurrent) }

// Previous returns the value before the current one. The zero Version means that there is none.
func (s *Secret) Previous(ctx context.Context) (Version, error) { return s.at(ctx, stagePrevious) }

func (s *Secret) at(ctx context.Context, stage string) (Version, error) {
	return s.get(ctx, &secretsmanager.GetSecretValueInput{SecretId: &s.arn, VersionStage: &stage})
}

func (s *Secret) get(ctx context.Context, input *secretsmanager.GetSecretValueInput) (Version, error) {
	out, err := s.client.GetSecretValue(ctx, input)
	if _, missing := errors.AsType[*types.ResourceNotFoundException](err); missing {
		_, err := s.versions(ctx) // GetSecretValue does not distinguish no value from no secret
		return Version{}, err
	}
	if err != nil {
		return Version{}, Explain(fmt.Errorf("read %s: %w", s.Name, err))
	}
	value := aws.ToString(out.SecretString)
	if out.SecretString == nil {
		value = string(out.SecretBinary)
	}
	return Version{ID: aws.ToString(out.VersionId), Value: value, Created: aws.ToTime(out.CreatedDate)}, nil
}

// Put stores a value as the current one, under an id of 32 to 64 characters; the value before it
// becomes the previous one. Storing the same value under the same id again changes nothing.
func (s *Secret) Put(ctx context.Context, id, value string) error {
	_, err := s.client.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{
		SecretId: &s.arn, ClientRequestToken: &id, SecretString: &value, VersionStages: []string{stageCurrent},
	})
	if err != nil {
		return Explain(fmt.Errorf("store %s: %w", s.Name, err))
	}
	return nil
}

// Version returns the version with an id. The zero Version means that there is none.
func (s *Secret) Version(ctx context.Context, id string) (Version, error) {
	return s.get(ctx, &secretsmanager.GetSecretValueInput{SecretId: &s.arn, VersionId: &id})
}

// Promote makes the version with an id the current one again.
func (s *Secret) Promote(ctx context.Context, id string) error {
	versions, err := s.versions(ctx)
	if err != nil || slices.Contains(versions[id], stageCurrent) {
		return err
	}
	move := &secretsmanager.UpdateSecretVersionStageInput{SecretId: &s.arn, VersionStage: aws.String(stageCurrent), MoveToVersionId: &id}
	for other, stages := range versions {
		if slices.Contains(stages, stageCurrent) {
			move.RemoveFromVersionId = &other
		}
	}
	if _, err := s.client.UpdateSecretVersionStage(ctx, move); err != nil {
		return Explain(fmt.Errorf("store %s: %w", s.Name, err))
	}
	return nil
}

// versions returns the staging labels by version.
func (s *Secret) versions(ctx context.Context) (map[string][]string, error) {
	out, err := s.client.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: &s.arn})
	if err != nil {
		return nil, Explain(fmt.Errorf("find %s: %w", s.Name, err))
	}
	return out.VersionIdsToStages, nil
}

// EndPrevious makes the previous value unreadable, if there is one.
func (s *Secret) EndPrevious(ctx context.Context) error {
	previous, err := s.Previous(ctx)
	if err != nil || previous.ID == "" {
		return err
	}
	_, err = s.client.UpdateSecretVersionStage(ctx, &secretsmanager.UpdateSecretVersionStageInput{
		SecretId: &s.arn, VersionStage: aws.String(stagePrevious), RemoveFromVersionId: &previous.ID,
	})
	if err != nil {
		return Explain(fmt.Errorf("end the previous %s: %w", s.Name, err))
	}
	return nil
}

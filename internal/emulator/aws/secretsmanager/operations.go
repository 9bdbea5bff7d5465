package secretsmanager

import (
	"cmp"
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/awsjson"
)

// maxSecret is the most bytes of a secret's value, see
// https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html.
const maxSecret = 65_536

// Operations returns the operations on secrets and their values.
func (s *Service) Operations() awsjson.Operations {
	return awsjson.Operations{
		Service: "secretsmanager", Target: "secretsmanager", Version: "1.1", MessageMember: "Message",
		ByName: map[string]awsjson.Operation{
			"GetSecretValue": awsjson.Typed(s.getSecretValue),
			"PutSecretValue": awsjson.Typed(s.putSecretValue),
			"DescribeSecret": awsjson.Typed(s.describeSecret),
		},
	}
}

type getSecretValueInput struct{ SecretId, VersionId, VersionStage string }

type getSecretValueOutput struct {
	ARN, Name, VersionId string
	SecretString         *string `json:",omitempty"`
	SecretBinary         []byte  `json:",omitempty"`
	VersionStages        []string
	CreatedDate          float64
}

func (s *Service) getSecretValue(_ context.Context, in getSecretValueInput) (any, error) {
	stage := in.VersionStage
	if in.VersionId == "" {
		stage = cmp.Or(stage, current)
	}
	found, version, err := s.get(in.SecretId, in.VersionId, stage)
	if err != nil {
		return nil, err
	}
	return getSecretValueOutput{
		ARN: found.arn, Name: found.name, VersionId: version.id, VersionStages: version.stages, CreatedDate: epoch(version.created),
		SecretString: version.value.text, SecretBinary: version.value.binary,
	}, nil
}

type putSecretValueInput struct {
	SecretId, ClientRequestToken string
	SecretString                 *string
	SecretBinary                 []byte
	VersionStages                []string
}

type putSecretValueOutput struct {
	ARN, Name, VersionId string
	VersionStages        []string
}

func (s *Service) putSecretValue(_ context.Context, in putSecretValueInput) (any, error) {
	if err := in.validate(); err != nil {
		return nil, err
	}
	stages := in.VersionStages
	if len(stages) == 0 {
		stages = []string{current}
	}
	value := secretValue{text: in.SecretString, binary: in.SecretBinary}
	found, version, err := s.put(in.SecretId, cmp.Or(in.ClientRequestToken, uuid.NewString()), value, stages)
	if err != nil {
		return nil, err
	}
	return putSecretValueOutput{ARN: found.arn, Name: found.name, VersionId: version.id, VersionStages: version.stages}, nil
}

func (in putSecretValueInput) validate() error {
	size := len(in.SecretBinary)
	if in.SecretString != nil {
		size = len(*in.SecretString)
	}
	switch {
	case in.SecretString != nil && in.SecretBinary != nil:
		return &awsjson.Error{Code: "InvalidParameterException", Message: "You can't specify both a binary secret value and a string secret value in the same secret."}
	case size == 0:
		return &awsjson.Error{Code: "InvalidParameterException", Message: "You must provide either SecretString or SecretBinary, and it must not be empty."}
	case size > maxSecret:
		return &awsjson.Error{Code: "InvalidParameterException", Message: "The secret value is longer than 65536 bytes."}
	}
	return nil
}

type describeSecretInput struct{ SecretId string }

type describeSecretOutput struct {
	ARN, Name                    string
	CreatedDate, LastChangedDate float64
	VersionIdsToStages           map[string][]string
}

func (s *Service) describeSecret(_ context.Context, in describeSecretInput) (any, error) {
	found, stages, err := s.describe(in.SecretId)
	if err != nil {
		return nil, err
	}
	return describeSecretOutput{
		ARN: found.arn, Name: found.name, CreatedDate: epoch(found.created), LastChangedDate: epoch(found.changed), VersionIdsToStages: stages,
	}, nil
}

// epoch is AWS JSON's form of a time: seconds since 1970 with milliseconds as the fraction.
func epoch(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

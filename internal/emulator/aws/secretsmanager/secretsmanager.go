// Package secretsmanager emulates Secrets Manager in memory: secrets with versions and staging
// labels, without encryption.
//
// [Service.Add] adds the secrets of a template; [Service.AddSecret] and [Service.Put] are for
// tests.
package secretsmanager

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/awsjson"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
)

// The staging labels that Secrets Manager moves by itself, see
// https://docs.aws.amazon.com/secretsmanager/latest/userguide/whats-in-a-secret.html#term_version.
const (
	current  = "AWSCURRENT"
	previous = "AWSPREVIOUS"
)

// Service is a set of secrets. It is safe for concurrent use.
type Service struct {
	now      func() time.Time
	previous *Service

	mu      *sync.Mutex // shared with the service that this one inherits from
	secrets []*secret
}

type secret struct {
	name, arn        string
	created, changed time.Time
	versions         map[string]*secretVersion
}

// secretVersion is one value of a secret. Only its stages change, under the service's lock.
type secretVersion struct {
	id      string
	value   secretValue
	created time.Time
	stages  []string
}

// secretValue is text or bytes, which AWS distinguishes.
type secretValue struct {
	SecretString *string `json:",omitempty"`
	SecretBinary []byte  `json:",omitempty"`
}

func (v secretValue) equal(w secretValue) bool {
	if v.SecretString == nil || w.SecretString == nil {
		return v.SecretString == w.SecretString && bytes.Equal(v.SecretBinary, w.SecretBinary)
	}
	return *v.SecretString == *w.SecretString
}

// New returns a service without secrets, which takes the time from now. Nil: [time.Now].
func New(now func() time.Time) *Service {
	if now == nil {
		now = time.Now
	}
	return &Service{now: now, mu: &sync.Mutex{}}
}

// Inherit makes a service the successor of another one, for a template that has changed: a secret
// that is added then keeps its values if the other service has one with the same ARN.
func (s *Service) Inherit(previous *Service) {
	s.previous, s.mu = previous, previous.mu
	previous.previous = nil
}

// Inherited reports whether a secret with a name or ARN was inherited.
func (s *Service) Inherited(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	own, err := s.find(id)
	return err == nil && s.previous != nil && slices.Contains(s.previous.secrets, own)
}

// Add adds the secret of an AWS::SecretsManager::Secret, with its value if it has one.
func (s *Service) Add(r sam.Resource) error {
	p, err := sam.Decode[struct{ SecretString *string }](r)
	if err != nil {
		return err
	}
	if err := s.AddSecret(r.Name, r.ARN); err != nil || p.SecretString == nil || s.Inherited(r.ARN) {
		return err
	}
	return s.Put(r.ARN, *p.SecretString)
}

// AddSecret adds a secret without a value. The error is ResourceExistsException if the name is
// taken.
func (s *Service) AddSecret(name, arn string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.find(name); err == nil {
		return errExists
	}
	if s.previous != nil {
		if i := slices.IndexFunc(s.previous.secrets, func(other *secret) bool { return other.arn == arn }); i >= 0 {
			s.secrets = append(s.secrets, s.previous.secrets[i])
			return nil
		}
	}
	at := s.now()
	s.secrets = append(s.secrets, &secret{name: name, arn: arn, created: at, changed: at, versions: map[string]*secretVersion{}})
	return nil
}

// Put makes value the current value of the secret with a name or ARN, and the value before it the
// previous one, as a rotation does. Its error is an [*awsjson.Error] with the code
// ResourceNotFoundException if there is no such secret.
func (s *Service) Put(id, value string) error {
	_, err := s.put(id, uuid.NewString(), secretValue{SecretString: &value}, []string{current})
	return err
}

// Value returns the current value of the secret with a name or ARN. Its error is an
// [*awsjson.Error], ResourceNotFoundException if there is none.
func (s *Service) Value(id string) (string, error) {
	version, err := s.get(id, "", current)
	if err != nil || version.SecretString == nil {
		return string(version.SecretBinary), err
	}
	return *version.SecretString, nil
}

// put stores a version, unless the token already has one, and moves the stages to it.
func (s *Service) put(id, token string, value secretValue, stages []string) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, err := s.find(id)
	if err != nil {
		return nil, err
	}
	version := found.versions[token]
	switch {
	case version == nil:
		version = &secretVersion{id: token, value: value, created: s.now()}
		found.versions[token] = version
	case !version.value.equal(value):
		return nil, errExists
	}
	for _, stage := range stages {
		found.stage(stage, version)
	}
	found.changed = s.now()
	return struct {
		ARN, Name, VersionId string
		VersionStages        []string
	}{found.arn, found.name, version.id, slices.Clone(version.stages)}, nil
}

// stage moves a label. The version that loses AWSCURRENT gets AWSPREVIOUS; a version without labels
// is deleted.
func (s *secret) stage(label string, version *secretVersion) {
	holder := s.holder(label)
	if holder == version {
		return
	}
	version.stages = append(version.stages, label)
	if holder == nil {
		return
	}
	if label == current {
		s.stage(previous, holder)
	}
	s.unstage(label, holder)
}

// unstage removes a label from the version that has it. A version without labels is deleted.
func (s *secret) unstage(label string, version *secretVersion) {
	version.stages = slices.DeleteFunc(version.stages, func(l string) bool { return l == label })
	if len(version.stages) == 0 {
		delete(s.versions, version.id)
	}
}

// holder returns the version with a label, or nil.
func (s *secret) holder(label string) *secretVersion {
	for _, version := range s.versions {
		if slices.Contains(version.stages, label) {
			return version
		}
	}
	return nil
}

// secretOutput is the output of GetSecretValue.
type secretOutput struct {
	ARN, Name, VersionId string
	secretValue
	VersionStages []string
	CreatedDate   float64
}

// get returns the version with an id, with a stage, or with both if both are given.
func (s *Service) get(id, versionID, stage string) (secretOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, err := s.find(id)
	if err != nil {
		return secretOutput{}, err
	}
	version, missing := found.versions[versionID], "VersionId: "+versionID
	if versionID == "" {
		version, missing = found.holder(stage), "staging label: "+stage
	}
	switch {
	case version == nil:
		return secretOutput{}, notFound("secret value for " + missing)
	case stage != "" && !slices.Contains(version.stages, stage):
		return secretOutput{}, &awsjson.Error{
			Code: "InvalidRequestException", Message: "You provided a VersionStage that is not associated to the provided VersionId.",
		}
	}
	return secretOutput{found.arn, found.name, version.id, version.value, slices.Clone(version.stages), epoch(version.created)}, nil
}

// find returns the secret with a name, or an ARN with or without its suffix. The caller holds the
// lock.
func (s *Service) find(id string) (*secret, error) {
	for _, found := range s.secrets {
		partial := strings.HasPrefix(id, "arn:") && len(found.arn) == len(id)+7 && strings.HasPrefix(found.arn, id+"-")
		if found.name == id || found.arn == id || partial {
			return found, nil
		}
	}
	return nil, notFound("secret.")
}

func notFound(what string) *awsjson.Error {
	return &awsjson.Error{Code: "ResourceNotFoundException", Message: "Secrets Manager can't find the specified " + what}
}

var errExists = &awsjson.Error{Code: "ResourceExistsException", Message: "A resource with the ID you requested already exists."}

// maxSecret is the limit of a secret's value in bytes, see
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

			"UpdateSecretVersionStage": awsjson.Typed(s.updateSecretVersionStage),
		},
	}
}

func (s *Service) getSecretValue(_ context.Context, in struct{ SecretId, VersionId, VersionStage string }) (any, error) {
	if in.VersionId == "" {
		in.VersionStage = cmp.Or(in.VersionStage, current)
	}
	return s.get(in.SecretId, in.VersionId, in.VersionStage)
}

type putSecretValueInput struct {
	SecretId, ClientRequestToken string
	secretValue
	VersionStages []string
}

func (s *Service) putSecretValue(_ context.Context, in putSecretValueInput) (any, error) {
	if err := in.validate(); err != nil {
		return nil, err
	}
	if len(in.VersionStages) == 0 {
		in.VersionStages = []string{current}
	}
	return s.put(in.SecretId, cmp.Or(in.ClientRequestToken, uuid.NewString()), in.secretValue, in.VersionStages)
}

func (v secretValue) validate() error {
	size, message := len(v.SecretBinary), ""
	if v.SecretString != nil {
		size = len(*v.SecretString)
	}
	switch {
	case v.SecretString != nil && v.SecretBinary != nil:
		message = "You can't specify both a binary secret value and a string secret value in the same secret."
	case size == 0:
		message = "You must provide either SecretString or SecretBinary, and it must not be empty."
	case size > maxSecret:
		message = "The secret value is longer than 65536 bytes."
	default:
		return nil
	}
	return invalidParameter(message)
}

func (s *Service) describeSecret(_ context.Context, in struct{ SecretId string }) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, err := s.find(in.SecretId)
	if err != nil {
		return nil, err
	}
	stages := map[string][]string{}
	for id, version := range found.versions {
		stages[id] = slices.Clone(version.stages)
	}
	return struct {
		ARN, Name                    string
		CreatedDate, LastChangedDate float64
		VersionIdsToStages           map[string][]string
	}{found.arn, found.name, epoch(found.created), epoch(found.changed), stages}, nil
}

type updateStageInput struct{ SecretId, VersionStage, RemoveFromVersionId, MoveToVersionId string }

// updateSecretVersionStage moves a label, or removes it from the version that has it. It never
// removes AWSCURRENT without moving it.
// https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_UpdateSecretVersionStage.html
func (s *Service) updateSecretVersionStage(_ context.Context, in updateStageInput) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, err := s.find(in.SecretId)
	if err != nil {
		return nil, err
	}
	holder, to := found.holder(in.VersionStage), found.versions[in.MoveToVersionId]
	held := ""
	if holder != nil {
		held = holder.id
	}
	switch {
	case in.VersionStage == "":
		return nil, invalidParameter("You must specify a staging label.")
	case in.MoveToVersionId != "" && to == nil:
		return nil, notFound("secret value for VersionId: " + in.MoveToVersionId)
	case in.RemoveFromVersionId == "" && holder != nil && holder != to, in.RemoveFromVersionId != "" && in.RemoveFromVersionId != held:
		return nil, invalidParameter("The staging label " + in.VersionStage + " is currently attached to version " + held +
			", so you must explicitly reference that version in RemoveFromVersionId.")
	case to == nil && in.VersionStage == current:
		return nil, invalidParameter("You can't remove the staging label AWSCURRENT without moving it to another version.")
	case to == nil && holder != nil:
		found.unstage(in.VersionStage, holder)
	case to != nil:
		found.stage(in.VersionStage, to)
	}
	found.changed = s.now()
	return struct{ ARN, Name string }{found.arn, found.name}, nil
}

func invalidParameter(message string) error {
	return &awsjson.Error{Code: "InvalidParameterException", Message: message}
}

// epoch returns a time as AWS JSON encodes it: seconds since 1970, to a millisecond.
func epoch(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

// Package secretsmanager is Secrets Manager in memory: secrets with versions and staging labels, and no encryption.
//
// [New] returns a [Service] for [Service.Add] to fill from a template, or [Service.AddSecret] and [Service.Put] from a test.
package secretsmanager

import (
	"bytes"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/awsjson"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
)

// Staging labels that Secrets Manager moves by itself, see
// https://docs.aws.amazon.com/secretsmanager/latest/userguide/whats-in-a-secret.html#term_version.
const (
	current  = "AWSCURRENT"
	previous = "AWSPREVIOUS"
)

// Service is a set of secrets. It is safe for concurrent use.
type Service struct {
	now func() time.Time

	mu      sync.Mutex
	secrets []*secret
}

type secret struct {
	name, arn        string
	created, changed time.Time
	versions         map[string]*secretVersion
}

// secretVersion is one value of a secret. Only its stages change, under the store's lock.
type secretVersion struct {
	id      string
	value   secretValue
	created time.Time
	stages  []string
}

// secretValue is what a caller stored; bytes and text are kept apart as AWS does.
type secretValue struct {
	text   *string
	binary []byte
}

func (v secretValue) equal(w secretValue) bool {
	if v.text == nil || w.text == nil {
		return v.text == w.text && bytes.Equal(v.binary, w.binary)
	}
	return *v.text == *w.text
}

// New returns a service without secrets, which takes the time from now. Nil: time.Now.
func New(now func() time.Time) *Service {
	if now == nil {
		now = time.Now
	}
	return &Service{now: now}
}

// Add adds the secret that an AWS::SecretsManager::Secret describes, with the value that the template gives it, or without one.
func (s *Service) Add(r sam.Resource) error {
	p, err := sam.Decode[struct{ SecretString *string }](r)
	if err != nil {
		return err
	}
	if err := s.AddSecret(r.Name, r.ARN); err != nil || p.SecretString == nil {
		return err
	}
	return s.Put(r.ARN, *p.SecretString)
}

// AddSecret adds a secret without a value. An [*awsjson.Error] with the code ResourceExistsException means that the name is taken.
func (s *Service) AddSecret(name, arn string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.find(name); err == nil {
		return secretExists()
	}
	at := s.now()
	s.secrets = append(s.secrets, &secret{name: name, arn: arn, created: at, changed: at, versions: map[string]*secretVersion{}})
	return nil
}

// Put makes value the current value of the secret with that name or ARN and its last one the previous, as a rotation does.
// A secret that does not exist is an *awsjson.Error with the code ResourceNotFoundException.
func (s *Service) Put(id, value string) error {
	_, _, err := s.put(id, uuid.NewString(), secretValue{text: &value}, []string{current})
	return err
}

// Value returns the current value of the secret with that name or ARN.
// A secret that does not exist or has no value is an *awsjson.Error with the code ResourceNotFoundException.
func (s *Service) Value(id string) (string, error) {
	_, version, err := s.get(id, "", current)
	if err != nil {
		return "", err
	}
	if version.value.text == nil {
		return string(version.value.binary), nil
	}
	return *version.value.text, nil
}

// put stores a version and moves the stages to it. Storing the same value under the same token again changes nothing.
func (s *Service) put(id, token string, value secretValue, stages []string) (secret, secretVersion, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, err := s.find(id)
	if err != nil {
		return secret{}, secretVersion{}, err
	}
	version := found.versions[token]
	switch {
	case version == nil:
		version = &secretVersion{id: token, value: value, created: s.now()}
		found.versions[token] = version
	case !version.value.equal(value):
		return secret{}, secretVersion{}, secretExists()
	}
	for _, stage := range stages {
		found.stage(stage, version)
	}
	found.changed = s.now()
	return *found, version.copy(), nil
}

// stage moves a label to version. The version that loses AWSCURRENT becomes AWSPREVIOUS, and one without labels is forgotten.
func (s *secret) stage(label string, version *secretVersion) {
	holder := s.holder(label)
	if holder == version {
		return
	}
	version.stages = append(version.stages, label)
	if holder == nil {
		return
	}
	holder.stages = slices.DeleteFunc(holder.stages, func(l string) bool { return l == label })
	if label == current {
		s.stage(previous, holder)
	}
	if len(holder.stages) == 0 {
		delete(s.versions, holder.id)
	}
}

// holder returns the version with that label, or nil.
func (s *secret) holder(label string) *secretVersion {
	for _, version := range s.versions {
		if slices.Contains(version.stages, label) {
			return version
		}
	}
	return nil
}

// get returns the version with an id, with a stage, or with both when both are given.
func (s *Service) get(id, versionID, stage string) (secret, secretVersion, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, err := s.find(id)
	if err != nil {
		return secret{}, secretVersion{}, err
	}
	version, missing := found.versions[versionID], "VersionId: "+versionID
	if versionID == "" {
		version, missing = found.holder(stage), "staging label: "+stage
	}
	switch {
	case version == nil:
		return secret{}, secretVersion{}, secretNotFound("secret value for " + missing)
	case stage != "" && !slices.Contains(version.stages, stage):
		return secret{}, secretVersion{}, &awsjson.Error{
			Code: "InvalidRequestException", Message: "You provided a VersionStage that is not associated to the provided VersionId.",
		}
	}
	return *found, version.copy(), nil
}

// describe returns a secret and the stages of each of its versions.
func (s *Service) describe(id string) (secret, map[string][]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, err := s.find(id)
	if err != nil {
		return secret{}, nil, err
	}
	stages := map[string][]string{}
	for id, version := range found.versions {
		stages[id] = slices.Clone(version.stages)
	}
	return *found, stages, nil
}

// find looks for a name, an ARN, or an ARN without the six random characters at its end. The caller holds the lock.
func (s *Service) find(id string) (*secret, error) {
	for _, found := range s.secrets {
		if found.name == id || found.arn == id || isPartialARN(id, found.arn) {
			return found, nil
		}
	}
	return nil, secretNotFound("secret.")
}

func isPartialARN(id, arn string) bool {
	dash := strings.LastIndexByte(arn, '-')
	return strings.HasPrefix(id, "arn:") && dash == len(arn)-7 && arn[:dash] == id
}

func (v *secretVersion) copy() secretVersion {
	c := *v
	c.stages = slices.Clone(v.stages)
	return c
}

func secretNotFound(what string) *awsjson.Error {
	return &awsjson.Error{Code: "ResourceNotFoundException", Message: "Secrets Manager can't find the specified " + what}
}

func secretExists() *awsjson.Error {
	return &awsjson.Error{Code: "ResourceExistsException", Message: "A resource with the ID you requested already exists."}
}

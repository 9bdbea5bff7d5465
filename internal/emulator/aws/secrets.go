package aws

import (
	"fmt"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/awswire"
)

// wireSecrets makes every secret of the template, with the value that the template gives it, or with none.
func (s *Stack) wireSecrets() error {
	s.secrets = awswire.NewSecrets(s.clock.Now)
	for _, r := range s.resources("AWS::SecretsManager::Secret") {
		p, err := decode[secretProperties](r)
		if err != nil {
			return err
		}
		if err := s.secrets.Create(r.Name, r.ARN); err != nil {
			return err
		}
		if p.SecretString == nil {
			continue
		}
		if err := s.secrets.Put(r.ARN, *p.SecretString); err != nil {
			return err
		}
	}
	return nil
}

// fillSecrets gives the secrets that functions name in their environment the values of the options.
func (s *Stack) fillSecrets() error {
	for variable, value := range s.options.Secrets {
		if err := s.Rotate(variable, value); err != nil {
			return err
		}
	}
	return nil
}

// Rotate gives each secret that a function names by an environment variable another value. The last one becomes the
// previous.
func (s *Stack) Rotate(variable, value string) error {
	filled := map[string]bool{"": true}
	for _, f := range s.functions {
		id := string(f.properties.Environment.Variables[variable])
		if filled[id] {
			continue
		}
		if err := s.secrets.Put(id, value); err != nil {
			return fmt.Errorf("rotate the secret of %s: %w", variable, err)
		}
		filled[id] = true
	}
	return nil
}

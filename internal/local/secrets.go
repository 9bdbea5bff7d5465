package local

import "github.com/meterbridge/meterbridge/internal/local/awswire"

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
	filled := map[string]bool{}
	for _, f := range s.functions {
		for variable, value := range s.options.Secrets {
			id := string(f.properties.Environment.Variables[variable])
			if id == "" || filled[id] {
				continue
			}
			if err := s.secrets.Put(id, value); err != nil {
				return err
			}
			filled[id] = true
		}
	}
	return nil
}

package dynamodb

import (
	"context"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/awsjson"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
)

// Service is a set of tables behind DynamoDB's wire protocol. It is safe for concurrent use once the last table is added.
type Service struct {
	tables map[string]*Table // by name and by ARN
}

// New returns a service without tables.
func New() *Service { return &Service{tables: map[string]*Table{}} }

// AddTable adds an empty table. Its error is [ErrConfig].
func (s *Service) AddTable(cfg Config) (*Table, error) {
	t, err := NewTable(cfg)
	if err != nil {
		return nil, err
	}
	s.tables[cfg.Name] = t
	if cfg.ARN != "" {
		s.tables[cfg.ARN] = t
	}
	return t, nil
}

// properties are those of AWS::DynamoDB::Table that the emulator acts on.
type properties struct {
	AttributeDefinitions []struct {
		AttributeName string
		AttributeType Type
	}
	KeySchema []struct{ AttributeName, KeyType string }
}

// Add adds the table that an AWS::DynamoDB::Table describes, empty. Its items live as long as the service.
func (s *Service) Add(r sam.Resource) error {
	p, err := sam.Decode[properties](r)
	if err != nil {
		return err
	}
	_, err = s.AddTable(Config{Name: r.Name, ARN: r.ARN, Hash: p.key("HASH"), Range: p.key("RANGE")})
	return err
}

// key returns the key attribute of a kind, or the zero value if the table has none.
func (p properties) key(kind string) Key {
	for _, k := range p.KeySchema {
		for _, a := range p.AttributeDefinitions {
			if k.KeyType == kind && k.AttributeName == a.AttributeName {
				return Key{Name: a.AttributeName, Type: a.AttributeType}
			}
		}
	}
	return Key{}
}

// Operations returns the operations on single items.
func (s *Service) Operations() awsjson.Operations {
	return awsjson.Operations{
		Service: "dynamodb", Target: "DynamoDB_20120810", Version: "1.0", Namespace: "com.amazonaws.dynamodb.v20120810", Checksum: true,
		ByName: map[string]awsjson.Operation{
			"PutItem":    operation(s, (*Table).Put),
			"GetItem":    operation(s, (*Table).Get),
			"UpdateItem": operation(s, (*Table).Update),
			"DeleteItem": operation(s, (*Table).Delete),
		},
	}
}

// operation runs a request on the table that it names.
func operation[In interface{ table() string }, Out any](s *Service, run func(*Table, In) (Out, error)) awsjson.Operation {
	return awsjson.Typed(func(_ context.Context, in In) (any, error) {
		t := s.tables[in.table()]
		if t == nil {
			return nil, &awsjson.Error{Code: "ResourceNotFoundException", Message: "Requested resource not found"}
		}
		out, err := run(t, in)
		if err != nil {
			return nil, err
		}
		return out, nil
	})
}

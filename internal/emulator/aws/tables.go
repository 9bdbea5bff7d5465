package aws

import (
	"fmt"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/dynamodb"
)

// tableProperties are those of AWS::DynamoDB::Table that this package acts on.
type tableProperties struct {
	AttributeDefinitions []struct {
		AttributeName string
		AttributeType dynamodb.Type
	}
	KeySchema []struct{ AttributeName, KeyType string }
}

// wireTables makes every DynamoDB table of the template, empty. Its items live as long as the stack.
func (s *Stack) wireTables() error {
	for _, r := range s.resources("AWS::DynamoDB::Table") {
		p, err := decode[tableProperties](r)
		if err != nil {
			return err
		}
		t, err := dynamodb.New(dynamodb.Config{Name: r.Name, ARN: r.ARN, Hash: p.key("HASH"), Range: p.key("RANGE")})
		if err != nil {
			return fmt.Errorf("line %d: table %s: %w", r.Line, r.LogicalID, err)
		}
		s.tables = append(s.tables, t)
	}
	return nil
}

// key returns the key attribute of a kind, or the zero value if the table has none.
func (p tableProperties) key(kind string) dynamodb.Key {
	for _, k := range p.KeySchema {
		for _, a := range p.AttributeDefinitions {
			if k.KeyType == kind && k.AttributeName == a.AttributeName {
				return dynamodb.Key{Name: a.AttributeName, Type: a.AttributeType}
			}
		}
	}
	return dynamodb.Key{}
}

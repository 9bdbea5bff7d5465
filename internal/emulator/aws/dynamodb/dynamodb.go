// Package dynamodb emulates DynamoDB in memory: conditional puts, updates, deletes and reads of
// single items.
//
// A [Service] is a set of tables behind DynamoDB's wire protocol; a [Table] can also be used
// directly. Requests and answers have the form of DynamoDB's API, expressions are evaluated as by
// DynamoDB, and anything unsupported is refused, so that code that works with this package also
// works on AWS. Queries and scans are not supported. Items past their TTL stay, because DynamoDB
// may take days to delete them and callers must not rely on it. See
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.html.
package dynamodb

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/awsjson"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/spelling"
)

// Options configure a [Service]. The zero value, like a nil pointer, is the default.
type Options struct {
	// Hold is the default of [Config].Hold.
	Hold func(Item) (release func())
}

// Service is a set of tables. It is safe for concurrent use once the last one is added.
type Service struct {
	options  Options
	tables   map[string]*Table // by name and by ARN
	previous map[string]*Table // those of the service that this one inherits from
}

// New returns a service without tables.
func New(opts *Options) *Service {
	s := &Service{tables: map[string]*Table{}}
	if opts != nil {
		s.options = *opts
	}
	return s
}

// Inherit makes a service the successor of another one, for a template that has changed: a table
// that is added then keeps its items if the other service has one with the same ARN and key. With
// another key it is a new table, as in CloudFormation.
func (s *Service) Inherit(previous *Service) { s.previous = previous.tables }

// AddTable adds an empty table. Its error is [ErrConfig].
func (s *Service) AddTable(cfg Config) (*Table, error) {
	if cfg.Hold == nil {
		cfg.Hold = s.options.Hold
	}
	t, err := NewTable(cfg)
	if err != nil {
		return nil, err
	}
	if old := s.previous[cfg.ARN]; old != nil && old.cfg.Name == cfg.Name && old.cfg.Hash == cfg.Hash && old.cfg.Range == cfg.Range {
		t = old
	}
	s.tables[cfg.Name] = t
	if cfg.ARN != "" {
		s.tables[cfg.ARN] = t
	}
	return t, nil
}

// properties are the properties of an AWS::DynamoDB::Table that the emulator supports.
type properties struct {
	AttributeDefinitions []struct {
		AttributeName string
		AttributeType Type
	}
	KeySchema []struct{ AttributeName, KeyType string }
}

// Add adds an empty table for an AWS::DynamoDB::Table.
func (s *Service) Add(r sam.Resource) error {
	p, err := sam.Decode[properties](r)
	if err != nil {
		return err
	}
	hash, hashErr := p.key("HASH")
	sort, sortErr := p.key("RANGE")
	if err := errors.Join(hashErr, sortErr); err != nil {
		return err
	}
	_, err = s.AddTable(Config{Name: r.Name, ARN: r.ARN, Hash: hash, Range: sort})
	return err
}

// key returns the key attribute of a kind, or the zero value if the table has none.
func (p properties) key(kind string) (Key, error) {
	for _, k := range p.KeySchema {
		if k.KeyType != kind {
			continue
		}
		var names []string
		for _, a := range p.AttributeDefinitions {
			if a.AttributeName == k.AttributeName {
				return Key{Name: a.AttributeName, Type: a.AttributeType}, nil
			}
			names = append(names, a.AttributeName)
		}
		return Key{}, fmt.Errorf("%w: AttributeDefinitions lacks %q, which is in KeySchema%s", ErrConfig, k.AttributeName,
			spelling.Question(k.AttributeName, names))
	}
	return Key{}, nil
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

// Limits of items and keys, from
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html.
const (
	maxItem  = 400 << 10
	maxHash  = 2048
	maxRange = 1024
)

// ErrConfig is the error of a table without a name or a valid key.
var ErrConfig = errors.New("dynamodb: not a valid table")

// Key is one attribute of a table's primary key.
type Key struct {
	Name string
	// Type is String, Number or Binary.
	Type Type
}

// Config describes a table.
type Config struct {
	Name, ARN string
	Hash      Key
	// Range is the sort key. The zero value means none.
	Range Key
	// Hold is called, while the table is locked, with each item that is written. Unless it returns
	// nil, release is called once that item has been written again or deleted. Nil: no call.
	Hold func(Item) (release func())
}

// Table is a table in memory. It is safe for concurrent use; each request is atomic.
type Table struct {
	cfg   Config
	keys  []Key
	mu    sync.Mutex
	items map[string]Item
	held  map[string]func() // what Hold has returned for an item
}

// NewTable returns an empty table, or [ErrConfig] if the name is missing or the key is not valid.
func NewTable(cfg Config) (*Table, error) {
	t := &Table{cfg: cfg, keys: []Key{cfg.Hash}, items: map[string]Item{}, held: map[string]func(){}}
	if cfg.Range != (Key{}) {
		t.keys = append(t.keys, cfg.Range)
	}
	for _, key := range t.keys {
		if cfg.Name == "" || key.Name == "" || !key.Type.ordered() {
			return nil, fmt.Errorf("%w: name %q, key %q of type %q", ErrConfig, cfg.Name, key.Name, key.Type)
		}
	}
	return t, nil
}

// store puts an item under a key; nil deletes the one that is there. The caller holds the lock.
func (t *Table) store(key string, item Item) {
	release := t.held[key]
	delete(t.held, key)
	if item == nil {
		delete(t.items, key)
	} else {
		t.items[key] = item
		if t.cfg.Hold != nil {
			if release := t.cfg.Hold(item); release != nil {
				t.held[key] = release
			}
		}
	}
	if release != nil {
		release()
	}
}

// Items returns a copy of all items, in no order, for tests.
func (t *Table) Items() []Item {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Collect(maps.Values(t.items))
}

// keyOf returns the key under which an item with these attributes is stored.
func (t *Table) keyOf(attributes Item) (string, error) {
	key := ""
	for i, k := range t.keys {
		value, ok := attributes[k.Name]
		limit := []int{maxHash, maxRange}[i]
		switch {
		case !ok:
			return "", invalid("One or more parameter values were invalid: Missing the key %s in the item", k.Name)
		case value.kind != k.Type:
			return "", invalid("One or more parameter values were invalid: Type mismatch for key %s expected: %s actual: %s", k.Name, k.Type, value.kind)
		case value.scalar == "":
			return "", invalid("One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty value. Key: %s", k.Name)
		case len(value.scalar) > limit:
			return "", invalid("One or more parameter values were invalid: Size of key %s has exceeded the maximum size limit of %d bytes", k.Name, limit)
		}
		key += fmt.Sprintf("%d:%s", len(value.scalar), value.scalar) // the length keeps pairs of values apart
	}
	return key, nil
}

// exactKey is keyOf for a request's Key, which must not have other attributes.
func (t *Table) exactKey(key Item) (string, error) {
	if len(key) != len(t.keys) {
		return "", invalid("The provided key element does not match the schema")
	}
	return t.keyOf(key)
}

func (t *Table) isKey(name string) bool {
	return slices.ContainsFunc(t.keys, func(k Key) bool { return k.Name == name })
}

// ValidationError is the error of a request that DynamoDB or this package refuses.
type ValidationError struct{ Message string }

// Error returns the message.
func (e *ValidationError) Error() string { return e.Message }

// AWSError returns DynamoDB's answer.
func (e *ValidationError) AWSError() *awsjson.Error {
	return &awsjson.Error{Code: "ValidationException", Message: e.Message}
}

func invalid(format string, args ...any) error {
	return &ValidationError{Message: fmt.Sprintf(format, args...)}
}

// ConditionError is the error of a condition that did not hold.
type ConditionError struct {
	// Item is the current item. Nil: it does not exist, or the request did not ask for it.
	Item Item
}

// Error returns DynamoDB's message.
func (e *ConditionError) Error() string { return "The conditional request failed" }

// AWSError returns DynamoDB's answer.
func (e *ConditionError) AWSError() *awsjson.Error {
	failed := &awsjson.Error{Code: "ConditionalCheckFailedException", Message: e.Error()}
	if e.Item != nil {
		failed.Item = e.Item
	}
	return failed
}

// Package dynamodb is an in-memory DynamoDB table for a ledger: conditional puts, updates, deletes and reads of single items.
//
// It takes requests and returns answers in the shapes of DynamoDB's API, evaluates its expressions, and refuses what it does
// not support, so that code which runs against it runs against AWS. There is no query and no scan. Items past their
// TTL stay, because DynamoDB may take days to delete them and callers must not count on it. See
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.html.
package dynamodb

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
)

// Limits of items and keys, from https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html.
const (
	maxItem  = 400 << 10
	maxHash  = 2048
	maxRange = 1024
)

// ErrConfig is returned for a table that cannot exist.
var ErrConfig = errors.New("table: not a valid table")

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
	// Range is the sort key. Its zero value: the table has none.
	Range Key
}

// Table holds items in memory. It is safe for concurrent use; each request is atomic.
type Table struct {
	cfg   Config
	keys  []Key
	mu    sync.Mutex
	items map[string]Item
}

// NewTable returns an empty table, or ErrConfig if the name is missing or the key is not valid.
func NewTable(cfg Config) (*Table, error) {
	t := &Table{cfg: cfg, keys: []Key{cfg.Hash}, items: map[string]Item{}}
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

// Config returns what the table was made of.
func (t *Table) Config() Config { return t.cfg }

// Items returns a copy of all items in no particular order. It is for the local stack's own checks and has no counterpart on the wire.
func (t *Table) Items() []Item {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Collect(maps.Values(t.items))
}

// keyOf returns under what an item with these attributes is stored.
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

// exactKey is keyOf for a request's Key, which holds nothing else.
func (t *Table) exactKey(key Item) (string, error) {
	if len(key) != len(t.keys) {
		return "", invalid("The provided key element does not match the schema")
	}
	return t.keyOf(key)
}

// isKey reports whether an attribute is part of the primary key.
func (t *Table) isKey(name string) bool {
	return slices.ContainsFunc(t.keys, func(k Key) bool { return k.Name == name })
}

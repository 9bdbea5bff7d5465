package dynamodb

import (
	"maps"
	"slices"
)

// Values of ReturnValues, see
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateItem.html.
const (
	none       = "NONE"
	allOld     = "ALL_OLD"
	allNew     = "ALL_NEW"
	updatedOld = "UPDATED_OLD"
	updatedNew = "UPDATED_NEW"
)

// Request contains the members common to all requests: the table's name or ARN, and placeholders.
type Request struct {
	TableName                string
	ExpressionAttributeNames map[string]string
	ReturnConsumedCapacity   string // only NONE is supported
}

func (in Request) table() string { return in.TableName }

// Write contains the members common to all writing requests.
type Write struct {
	Request
	ConditionExpression                 *string
	ExpressionAttributeValues           map[string]Value
	ReturnValues                        string
	ReturnValuesOnConditionCheckFailure string
	ReturnItemCollectionMetrics         string // only NONE is supported
}

// PutInput is a request to store an item in place of the one with its key.
type PutInput struct {
	Write
	Item Item
}

// UpdateInput is a request to change an item, or to create it if it does not exist.
type UpdateInput struct {
	Write
	Key              Item
	UpdateExpression *string
}

// DeleteInput is a request to remove an item if it exists.
type DeleteInput struct {
	Write
	Key Item
}

// GetInput is a request to read an item. Every read is consistent, regardless of ConsistentRead.
type GetInput struct {
	Request
	Key                  Item
	ProjectionExpression *string
	ConsistentRead       bool
}

// WriteOutput contains the attributes that ReturnValues asked for. Nil: none.
type WriteOutput struct {
	Attributes Item `json:",omitzero"`
}

// GetOutput contains the item. Nil: there is none.
type GetOutput struct {
	Item Item `json:",omitzero"`
}

// Put stores an item. Its errors are [*ValidationError] and [*ConditionError].
func (t *Table) Put(in PutInput) (WriteOutput, error) {
	s := in.prepare(none, allOld)
	s.locate(t.keyOf(in.Item))
	return t.write(in.Write, s, func(Item) (Item, error) { return maps.Clone(in.Item), nil })
}

// Delete removes an item. Its errors are [*ValidationError] and [*ConditionError].
func (t *Table) Delete(in DeleteInput) (WriteOutput, error) {
	s := in.prepare(none, allOld)
	s.locate(t.exactKey(in.Key))
	return t.write(in.Write, s, func(Item) (Item, error) { return nil, nil })
}

// Update changes an item. Its errors are [*ValidationError] and [*ConditionError].
func (t *Table) Update(in UpdateInput) (WriteOutput, error) {
	s := in.prepare(none, allOld, allNew, updatedOld, updatedNew)
	var changes []change
	if in.UpdateExpression != nil {
		changes = parse("UpdateExpression", *in.UpdateExpression, s, (*parser).update)
	}
	s.locate(t.exactKey(in.Key))
	var paths []path
	for _, c := range changes {
		if name := c.path[0].name; t.isKey(name) {
			s.fail(invalid("One or more parameter values were invalid: Cannot update attribute %s. This attribute is part of the key", name))
		}
		paths = append(paths, c.path)
	}
	return t.write(in.Write, s, func(old Item) (Item, error) { return updated(old, in.Key, changes) }, paths...)
}

// updated applies changes to an item. An item that does not exist starts with only its key.
func updated(old, key Item, changes []change) (Item, error) {
	before := Value{kind: Map, fields: old}
	if old == nil {
		before.fields = key
	}
	made := before
	for _, c := range changes {
		var err error
		if made, err = c.apply(before, made); err != nil {
			return nil, err
		}
	}
	return made.fields, nil
}

// Get reads an item. Its errors are of type [*ValidationError].
func (t *Table) Get(in GetInput) (GetOutput, error) {
	s := newScope(in.ExpressionAttributeNames, nil)
	paths := []path{{}}
	if in.ProjectionExpression != nil {
		paths = parse("ProjectionExpression", *in.ProjectionExpression, s, (*parser).projection)
	}
	in.Request.validate(s)
	if s.locate(t.exactKey(in.Key)); s.err != nil {
		return GetOutput{}, s.err
	}
	t.mu.Lock()
	item := t.items[s.key]
	t.mu.Unlock()
	if item == nil {
		return GetOutput{}, nil
	}
	part, _ := Value{kind: Map, fields: item}.project(paths)
	return GetOutput{Item: cloned(part.fields)}, nil
}

// write replaces the item under s.key with the result of change, if the condition allows it; a nil
// result deletes it.
func (t *Table) write(in Write, s *scope, change func(old Item) (Item, error), touched ...path) (WriteOutput, error) {
	if in.validate(s); s.err != nil {
		return WriteOutput{}, s.err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	old := t.items[s.key]
	if s.condition != nil && !s.condition(Value{kind: Map, fields: old}) {
		failure := &ConditionError{}
		if in.ReturnValuesOnConditionCheckFailure == allOld {
			failure.Item = maps.Clone(old)
		}
		return WriteOutput{}, failure
	}
	made, err := change(old)
	if err != nil {
		return WriteOutput{}, err
	}
	if made.size() > maxItem {
		return WriteOutput{}, invalid("Item size has exceeded the maximum allowed size")
	}
	t.store(s.key, made)
	return WriteOutput{Attributes: returned(in.ReturnValues, old, made, touched)}, nil
}

func returned(which string, old, made Item, touched []path) Item {
	switch which {
	case allOld:
		return maps.Clone(old)
	case allNew:
		return maps.Clone(made)
	case updatedOld, updatedNew:
		item := made
		if which == updatedOld {
			item = old
		}
		part, _ := Value{kind: Map, fields: item}.project(touched)
		return part.fields
	}
	return nil
}

func (in Write) prepare(returnValues ...string) *scope {
	s := newScope(in.ExpressionAttributeNames, in.ExpressionAttributeValues)
	if in.ReturnValues != "" && !slices.Contains(returnValues, in.ReturnValues) {
		s.fail(invalid("Return values set to invalid value: %s", in.ReturnValues))
	}
	if in.ConditionExpression != nil {
		s.condition = parse("ConditionExpression", *in.ConditionExpression, s, (*parser).condition)
	}
	return s
}

// validate makes the checks that follow the parsing of the expressions.
func (in Write) validate(s *scope) {
	if v := in.ReturnValuesOnConditionCheckFailure; v != "" && v != none && v != allOld {
		s.fail(invalid("ReturnValuesOnConditionCheckFailure set to invalid value: %s", v))
	}
	if v := in.ReturnItemCollectionMetrics; v != "" && v != none {
		s.fail(invalid("ReturnItemCollectionMetrics %s is not supported in the local stack", v))
	}
	in.Request.validate(s)
}

func (in Request) validate(s *scope) {
	if v := in.ReturnConsumedCapacity; v != "" && v != none {
		s.fail(invalid("ReturnConsumedCapacity %s is not supported in the local stack", v))
	}
	s.checkUsed("ExpressionAttributeNames", slices.Sorted(maps.Keys(s.names)))
	s.checkUsed("ExpressionAttributeValues", slices.Sorted(maps.Keys(s.values)))
}

package awswire

import (
	"context"
	"net/http"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/dynamodb"
)

// dynamo serves tables by name or ARN.
type dynamo struct {
	tables map[string]*dynamodb.Table
}

func newDynamoDB(tables []*dynamodb.Table) *service {
	d := dynamo{tables: map[string]*dynamodb.Table{}}
	for _, t := range tables {
		d.tables[t.Config().Name], d.tables[t.Config().ARN] = t, t
	}
	delete(d.tables, "") // the ARN of a table that has none
	return &service{
		name: "dynamodb", version: "1.0", namespace: "com.amazonaws.dynamodb.v20120810", message: "message", checksum: true,
		operations: map[string]operation{
			"PutItem":    op(d.putItem),
			"GetItem":    op(d.getItem),
			"UpdateItem": op(d.updateItem),
			"DeleteItem": op(d.deleteItem),
		},
	}
}

func (d dynamo) putItem(_ context.Context, in dynamodb.PutInput) (any, error) {
	return on(d, in.TableName, func(t *dynamodb.Table) (dynamodb.WriteOutput, error) { return t.Put(in) })
}

func (d dynamo) updateItem(_ context.Context, in dynamodb.UpdateInput) (any, error) {
	return on(d, in.TableName, func(t *dynamodb.Table) (dynamodb.WriteOutput, error) { return t.Update(in) })
}

func (d dynamo) deleteItem(_ context.Context, in dynamodb.DeleteInput) (any, error) {
	return on(d, in.TableName, func(t *dynamodb.Table) (dynamodb.WriteOutput, error) { return t.Delete(in) })
}

func (d dynamo) getItem(_ context.Context, in dynamodb.GetInput) (any, error) {
	return on(d, in.TableName, func(t *dynamodb.Table) (dynamodb.GetOutput, error) { return t.Get(in) })
}

// on runs a request on the table it names.
func on[Out any](d dynamo, name string, run func(*dynamodb.Table) (Out, error)) (any, error) {
	t := d.tables[name]
	if t == nil {
		return nil, &Error{Code: "ResourceNotFoundException", Message: "Requested resource not found"}
	}
	out, err := run(t)
	if err != nil {
		return nil, asError(err, &Error{Status: http.StatusInternalServerError, Code: "InternalServerError", Message: err.Error()})
	}
	return out, nil
}

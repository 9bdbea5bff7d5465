package dynamodb_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/dynamodb"
)

func TestFailedConditionReturnsTheItemOnRequest(t *testing.T) {
	t.Parallel()
	ledger := newTable(t)
	const held = `{"id":{"S":"evt_1"},"owner_id":{"S":"a"}}`
	put(t, ledger, held)
	condition := "attribute_not_exists(id)"
	for returned, want := range map[string]string{"": "", "NONE": "", "ALL_OLD": held} {
		_, err := ledger.Put(dynamodb.PutInput{
			Item:  attributes(t, key),
			Write: dynamodb.Write{ConditionExpression: &condition, ReturnValuesOnConditionCheckFailure: returned},
		})
		failed := (*dynamodb.ConditionError)(nil)
		if !errors.As(err, &failed) {
			t.Fatalf("Put over an item = %v, want a ConditionError", err)
		}
		if got := encode(t, failed.Item); got != want {
			t.Errorf("ReturnValuesOnConditionCheckFailure %q gave %q, want %q", returned, got, want)
		}
	}
	if got := get(t, ledger, key); got != held {
		t.Errorf("item after the failures: %s, want it unchanged, %s", got, held)
	}
}

func TestProjectionSelectsAttributes(t *testing.T) {
	t.Parallel()
	ledger := newTable(t)
	put(t, ledger, `{"id":{"S":"evt_1"},"a":{"N":"1"},"m":{"M":{"x":{"N":"2"},"y":{"N":"3"}}},"l":{"L":[{"N":"4"},{"N":"5"},{"M":{"z":{"N":"6"}}}]}}`)
	for expression, want := range map[string]string{
		"id, a":         `{"a":{"N":"1"},"id":{"S":"evt_1"}}`,
		"m.x":           `{"m":{"M":{"x":{"N":"2"}}}}`,
		"l[1], l[0]":    `{"l":{"L":[{"N":"4"},{"N":"5"}]}}`,
		"l[2].z, m.y":   `{"l":{"L":[{"M":{"z":{"N":"6"}}}]},"m":{"M":{"y":{"N":"3"}}}}`,
		"#s, l[9], a.b": `{}`,
	} {
		in := dynamodb.GetInput{Key: attributes(t, key), ProjectionExpression: &expression, ConsistentRead: true}
		if strings.Contains(expression, "#s") {
			in.ExpressionAttributeNames = map[string]string{"#s": "status"}
		}
		out, err := ledger.Get(in)
		if got := encode(t, out.Item); err != nil || got != want {
			t.Errorf("Get of %q = %s, %v; want %s", expression, got, err, want)
		}
	}
	for expression, want := range map[string]string{
		"":         "can not be empty",
		"a,":       "Syntax error",
		"a, a":     "overlap",
		"m, m.x":   "overlap",
		"status":   "reserved keyword: status",
		"#missing": "attribute name: #missing",
		":v":       "Syntax error",
	} {
		_, err := ledger.Get(dynamodb.GetInput{Key: attributes(t, key), ProjectionExpression: &expression})
		wantMessage(t, err, want)
	}
}

func TestUnsupportedOptionsAreRefused(t *testing.T) {
	t.Parallel()
	ledger, item := newTable(t), attributes(t, key)
	for want, w := range map[string]dynamodb.Write{
		"ReturnConsumedCapacity TOTAL is not supported":     {Request: dynamodb.Request{ReturnConsumedCapacity: "TOTAL"}},
		"ReturnItemCollectionMetrics SIZE is not supported": {ReturnItemCollectionMetrics: "SIZE"},
		"ReturnValuesOnConditionCheckFailure set":           {ReturnValuesOnConditionCheckFailure: "ALL_NEW"},
		"Return values set to invalid value":                {ReturnValues: "ALL_NEW"},
		"ExpressionAttributeNames unused":                   {Request: dynamodb.Request{ExpressionAttributeNames: map[string]string{"#x": "x"}}},
		"ExpressionAttributeValues unused":                  {ExpressionAttributeValues: map[string]dynamodb.Value{":x": dynamodb.Text("x")}},
	} {
		_, err := ledger.Put(dynamodb.PutInput{Write: w, Item: item})
		wantMessage(t, err, want)
		_, err = ledger.Delete(dynamodb.DeleteInput{Write: w, Key: item})
		wantMessage(t, err, want)
	}
	_, err := ledger.Get(dynamodb.GetInput{Key: item, Request: dynamodb.Request{ReturnConsumedCapacity: "INDEXES"}})
	wantMessage(t, err, "ReturnConsumedCapacity INDEXES is not supported")
	if got := ledger.Items(); len(got) != 0 {
		t.Errorf("items after refused requests: %v, want none", got)
	}
}

func TestItemSizeIsLimited(t *testing.T) {
	t.Parallel()
	ledger := newTable(t)
	// sized returns an item of n bytes: "id" and its value are 7 bytes; "v" and "e" are counted
	// with their contents.
	sized := func(n int) dynamodb.Item {
		return attributes(t, fmt.Sprintf(`{"id":{"S":"evt_1"},"v":{"S":%q}}`, strings.Repeat("x", n-8)))
	}
	if _, err := ledger.Put(dynamodb.PutInput{Item: sized(400 << 10)}); err != nil {
		t.Errorf("Put of 400 KiB: %v", err)
	}
	_, err := ledger.Put(dynamodb.PutInput{Item: sized(400<<10 + 1)})
	wantMessage(t, err, "Item size has exceeded")
}

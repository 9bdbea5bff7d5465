package dynamodb_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/dynamodb"
)

// FuzzExpressions checks that no expression makes the table panic, answer with an unknown error, or
// change an item that it refused to change.
func FuzzExpressions(f *testing.F) {
	for _, seed := range []string{
		"attribute_exists(id) AND NOT (n BETWEEN :4 AND :6 OR s IN (:a, :claimed))", "begins_with(#s, :cl) or size(m.deep) <> :5",
		"SET n = if_not_exists(c, :one) + n, l[9] = :a REMOVE m.deep.y, l[0] ADD ss :ss DELETE ns :ns", "SET l = list_append(l, :list)", "((", "#", ":", "l[", "\x00é",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, expression string) {
		err := check(t, expression, true)
		if err != nil && !errors.As(err, new(*dynamodb.ConditionError)) && !errors.As(err, new(*dynamodb.ValidationError)) {
			t.Errorf("condition %q: error of type %T", expression, err)
		}
		_, ledger, err := update(t, expression, "")
		items := ledger.Items()
		if len(items) != 1 || items[0]["id"].Scalar() != "evt_1" {
			t.Fatalf("update %q leaves %v, want one item under its key", expression, items)
		}
		if err == nil {
			return
		}
		if !errors.As(err, new(*dynamodb.ValidationError)) {
			t.Errorf("update %q: error of type %T", expression, err)
		}
		if got := encode(t, items[0]); got != encode(t, attributes(t, sample)) {
			t.Errorf("update %q was refused (%v) and changed the item to %s", expression, err, got)
		}
	})
}

// FuzzNumbers checks that the stored form of a number is stable: storing it again changes nothing.
func FuzzNumbers(f *testing.F) {
	for _, seed := range []string{"0", "-1.50", "1e125", "9.9e-130", "00012", ".5", "1e-999"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var once, twice dynamodb.Value
		if err := once.UnmarshalJSON(fmt.Appendf(nil, `{"N":%q}`, text)); err != nil {
			if !errors.As(err, new(*dynamodb.ValidationError)) {
				t.Errorf("number %q: error of type %T", text, err)
			}
			return
		}
		if err := twice.UnmarshalJSON(fmt.Appendf(nil, `{"N":%q}`, once.Scalar())); err != nil || twice.Scalar() != once.Scalar() {
			t.Errorf("number %q is stored as %q and that as %q, %v", text, once.Scalar(), twice.Scalar(), err)
		}
	})
}

func BenchmarkClaim(b *testing.B) {
	ledger := newTable(b)
	condition := "attribute_not_exists(id) OR #status = :a AND lease < :4"
	in := dynamodb.PutInput{Item: attributes(b, key)}
	in.ConditionExpression = &condition
	in.ExpressionAttributeNames, in.ExpressionAttributeValues = scope(b, condition)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ledger.Put(in); err != nil && !errors.As(err, new(*dynamodb.ConditionError)) {
			b.Fatal(err)
		}
	}
}

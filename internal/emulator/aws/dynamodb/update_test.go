package dynamodb_test

import (
	"strings"
	"testing"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/dynamodb"
)

// update applies an expression to the sample item and returns the answer.
func update(t testing.TB, expression, returnValues string) (dynamodb.WriteOutput, *dynamodb.Table, error) {
	t.Helper()
	ledger := newTable(t)
	put(t, ledger, sample)
	in := dynamodb.UpdateInput{Key: attributes(t, key), UpdateExpression: &expression}
	in.ReturnValues = returnValues
	in.ExpressionAttributeNames, in.ExpressionAttributeValues = scope(t, expression)
	out, err := ledger.Update(in)
	return out, ledger, err
}

func TestUpdatesChangeTheItem(t *testing.T) {
	t.Parallel()
	for expression, want := range map[string]string{ // what UPDATED_NEW returns
		"SET s = :a":                          `{"s":{"S":"a"}}`,
		"set #status = :a, n = :6":            `{"n":{"N":"6"},"status":{"S":"a"}}`,
		"SET s = n, n = s":                    `{"n":{"S":"claimed"},"s":{"N":"5"}}`,
		"SET n = n + :one":                    `{"n":{"N":"6"}}`,
		"SET n = n - :6":                      `{"n":{"N":"-1"}}`,
		"SET n = :one - m.x":                  `{"n":{"N":"0"}}`,
		"SET c = if_not_exists(c, :one) + :4": `{"c":{"N":"5"}}`,
		"SET n = if_not_exists(n, :one)":      `{"n":{"N":"5"}}`,
		"SET c = if_not_exists(c, n)":         `{"c":{"N":"5"}}`,
		"SET l = list_append(l, :list)":       `{"l":{"L":[{"S":"a"},{"N":"7"},{"N":"8"}]}}`,
		"SET l = list_append(:list, :list)":   `{"l":{"L":[{"N":"8"},{"N":"8"}]}}`,
		"SET m.x = :a":                        `{"m":{"M":{"x":{"S":"a"}}}}`,
		"SET m.deep.more = :map":              `{"m":{"M":{"deep":{"M":{"more":{"M":{"k":{"S":"v"}}}}}}}}`,
		"SET l[0] = :6":                       `{"l":{"L":[{"N":"6"}]}}`,
		"SET l[9] = :6":                       ``,
		"SET a = :a, d = :list REMOVE s":      `{"a":{"S":"a"},"d":{"L":[{"N":"8"}]}}`,
		"REMOVE s, absent":                    ``,
		"ADD n :one":                          `{"n":{"N":"6"}}`,
		"ADD c :one, m.c :4":                  `{"c":{"N":"1"},"m":{"M":{"c":{"N":"4"}}}}`,
		"ADD ss :ss, new_set :ns":             `{"new_set":{"NS":["2","3"]},"ss":{"SS":["a","b","c"]}}`,
		"DELETE ss :ss":                       `{"ss":{"SS":["a"]}}`,
		"DELETE ss :allss, absent :ss":        ``,
		"SET s = :a ADD n :one DELETE ss :ss": `{"n":{"N":"6"},"s":{"S":"a"},"ss":{"SS":["a"]}}`,
	} {
		out, _, err := update(t, expression, "UPDATED_NEW")
		if got := encode(t, out.Attributes); err != nil || got != want {
			t.Errorf("%s: %s, %v; want %s", expression, got, err, want)
		}
	}
}

// TestIndexesReferToTheItemBeforeTheUpdate and not to the result of another change in the
// expression.
func TestIndexesReferToTheItemBeforeTheUpdate(t *testing.T) {
	t.Parallel()
	for expression, want := range map[string]string{
		"REMOVE l[0]":             `{"L":[{"N":"7"}]}`,
		"REMOVE l[0], l[1]":       `{"L":[]}`,
		"REMOVE l[1], l[0]":       `{"L":[]}`,
		"REMOVE l[0] SET l[1]=:6": `{"L":[{"N":"6"}]}`,
		"REMOVE l[5]":             `{"L":[{"S":"a"},{"N":"7"}]}`,
		"SET l[7] = :6":           `{"L":[{"S":"a"},{"N":"7"},{"N":"6"}]}`,
	} {
		_, ledger, err := update(t, expression, "")
		if err != nil {
			t.Errorf("%s: %v", expression, err)
			continue
		}
		if got := encode(t, dynamodb.Item{"l": ledger.Items()[0]["l"]}); got != `{"l":`+want+`}` {
			t.Errorf("%s leaves %s, want %s", expression, got, want)
		}
	}
}

func TestUpdateReturnsTheValuesAskedFor(t *testing.T) {
	t.Parallel()
	for which, want := range map[string]string{
		"":            "",
		"NONE":        "",
		"UPDATED_OLD": `{"n":{"N":"5"},"s":{"S":"claimed"}}`,
		"UPDATED_NEW": `{"n":{"N":"6"}}`,
	} {
		out, _, err := update(t, "SET n = :6 REMOVE s", which)
		if got := encode(t, out.Attributes); err != nil || got != want {
			t.Errorf("ReturnValues %q: %s, %v; want %s", which, got, err, want)
		}
	}
	for which, want := range map[string]string{"ALL_OLD": sample, "ALL_NEW": strings.Replace(sample, `"n":{"N":"5"}`, `"n":{"N":"6"}`, 1)} {
		out, ledger, err := update(t, "SET n = :6", which)
		if got := encode(t, out.Attributes); err != nil || got != encode(t, attributes(t, want)) {
			t.Errorf("ReturnValues %s: %s, %v; want %s", which, got, err, want)
		}
		out.Attributes["n"] = dynamodb.Text("changed by the caller")
		if got := get(t, ledger, key); strings.Contains(got, "changed by the caller") {
			t.Errorf("item is shared with the caller: %s", got)
		}
	}
}

func TestUpdateCreatesAMissingItem(t *testing.T) {
	t.Parallel()
	ledger := newTable(t)
	in := dynamodb.UpdateInput{Key: attributes(t, key)}
	in.ReturnValues = "ALL_NEW"
	if out, err := ledger.Update(in); err != nil || encode(t, out.Attributes) != key {
		t.Errorf("Update without an expression = %v, %v; want the bare key", out, err)
	}
	expression := "ADD n :one"
	in = dynamodb.UpdateInput{Key: attributes(t, `{"id":{"S":"evt_2"}}`), UpdateExpression: &expression}
	in.ExpressionAttributeNames, in.ExpressionAttributeValues = scope(t, expression)
	if _, err := ledger.Update(in); err != nil {
		t.Fatalf("Update: %v", err)
	}
	if got, want := get(t, ledger, `{"id":{"S":"evt_2"}}`), `{"id":{"S":"evt_2"},"n":{"N":"1"}}`; got != want {
		t.Errorf("item: %s, want %s", got, want)
	}
}

func TestInvalidUpdatesAreRefused(t *testing.T) {
	t.Parallel()
	for expression, want := range map[string]string{
		"":                                 "Invalid UpdateExpression: The expression can not be empty",
		"s = :a":                           "Syntax error",
		"SET":                              "Syntax error",
		"SET s":                            "Syntax error",
		"SET s = ":                         "Syntax error",
		"SET s = :a,":                      "Syntax error",
		"SET s = :a SET n = :6":            `The "SET" section can only be used once`,
		"SET s = :a set n = :6":            `The "SET" section can only be used once`,
		"SET s = :a, s = :6":               "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [s], path two: [s]",
		"SET m.x = :a REMOVE m":            "path one: [m, x], path two: [m]",
		"SET l[0] = :a ADD l[0] :one":      "path one: [l, [0]], path two: [l, [0]]",
		"SET id = :a":                      "Cannot update attribute id. This attribute is part of the key",
		"REMOVE id":                        "Cannot update attribute id",
		"SET s = absent":                   "refers to an attribute that does not exist in the item",
		"SET s = s + :one":                 "incorrect data type",
		"SET n = n + :a":                   "incorrect data type",
		"SET n = absent + :one":            "does not exist in the item",
		"SET n = :one - absent":            "does not exist in the item",
		"SET n = n * :one":                 "Syntax error",
		"SET n = n + :one + :one":          "Syntax error",
		"SET n = n + :big":                 "38 significant digits",
		"SET l = list_append(l, :a)":       "incorrect data type",
		"SET l = list_append(l)":           "Syntax error",
		"SET n = min(n, :one)":             "Invalid function name; function: min",
		"SET absent.x = :a":                "document path provided in the update expression is invalid for update",
		"SET s.x = :a":                     "invalid for update",
		"SET m[0] = :a":                    "invalid for update",
		"SET l.x = :a":                     "invalid for update",
		"SET l[9].x = :a":                  "invalid for update",
		"SET m.x.y = :a":                   "invalid for update",
		"REMOVE absent.x":                  "invalid for update",
		"REMOVE m.x.y":                     "invalid for update",
		"ADD s :one":                       "incorrect data type",
		"ADD n :a":                         "operator or function: ADD, operand type: S",
		"ADD n :ns":                        "incorrect data type",
		"ADD n s":                          "Syntax error",
		"DELETE ss :a":                     "operator or function: DELETE, operand type: S",
		"DELETE ss :ns":                    "incorrect data type",
		"PUT s = :a":                       "Syntax error",
		"SET #none = :a":                   "attribute name: #none",
		"SET status = :a":                  "reserved keyword: status",
		"SET s = attribute_exists(absent)": "Invalid function name",
		"SET s = :a WHERE n = :5":          "Syntax error",
	} {
		t.Run(expression, func(t *testing.T) {
			t.Parallel()
			_, ledger, err := update(t, expression, "")
			wantMessage(t, err, want)
			if got := encode(t, ledger.Items()[0]); got != encode(t, attributes(t, sample)) {
				t.Errorf("item after the refusal: %s, want it unchanged", got)
			}
		})
	}
}

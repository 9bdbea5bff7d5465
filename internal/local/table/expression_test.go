package table_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/meterbridge/meterbridge/internal/local/table"
)

// sample is the item that expressions are tried on.
const sample = `{"id":{"S":"evt_1"},"s":{"S":"claimed"},"n":{"N":"5"},"b":{"B":"YWJj"},"yes":{"BOOL":true},"nil":{"NULL":true},` +
	`"m":{"M":{"x":{"N":"1"},"deep":{"M":{"y":{"S":"z"}}}}},"l":{"L":[{"S":"a"},{"N":"7"}]},"ss":{"SS":["a","b"]},"ns":{"NS":["1","2"]},"bs":{"BS":["YQ=="]}}`

// placeholders are the names and values that expressions may use; only those they do use are passed on.
const placeholders = `{":claimed":{"S":"claimed"},":cl":{"S":"cl"},":a":{"S":"a"},":empty":{"S":""},":4":{"N":"4"},":5":{"N":"5.0"},":6":{"N":"6"},` +
	`":one":{"N":"1"},":yes":{"BOOL":true},":ab":{"B":"YWI="},":abytes":{"B":"YQ=="},":S":{"S":"S"},":M":{"S":"M"},":list":{"L":[{"N":"8"}]},":map":{"M":{"k":{"S":"v"}}},` +
	`":ss":{"SS":["b","c"]},":allss":{"SS":["a","b"]},":ns":{"NS":["2","3"]},":nil":{"NULL":true},":big":{"N":"99999999999999999999999999999999999999"}}`

var names = map[string]string{"#s": "s", "#status": "status", "#m": "m", "#dash": "a-b"}

// scope returns the placeholders that text mentions.
func scope(t testing.TB, text string) (map[string]string, map[string]table.Value) {
	t.Helper()
	usedNames, usedValues := map[string]string{}, map[string]table.Value{}
	mentioned := func(name string) bool {
		for _, word := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" ,()[].=<>+-\t\n", r) }) {
			if word == name {
				return true
			}
		}
		return false
	}
	for name, value := range names {
		if mentioned(name) {
			usedNames[name] = value
		}
	}
	for name, value := range attributes(t, placeholders) {
		if mentioned(name) {
			usedValues[name] = value
		}
	}
	return usedNames, usedValues
}

// check evaluates a condition on the sample item, or on absent.
func check(t testing.TB, condition string, exists bool) error {
	t.Helper()
	ledger := newTable(t)
	if exists {
		put(t, ledger, sample)
	}
	in := table.DeleteInput{Key: attributes(t, key)}
	in.ConditionExpression = &condition
	in.ExpressionAttributeNames, in.ExpressionAttributeValues = scope(t, condition)
	_, err := ledger.Delete(in)
	return err
}

func TestConditionsThatHold(t *testing.T) {
	t.Parallel()
	for _, condition := range []string{
		"attribute_exists(id)", "attribute_exists(m.deep.y)", "attribute_exists(l[1])", "attribute_not_exists(#status)",
		"attribute_not_exists(l[2])", "attribute_not_exists(m.x.y)", "attribute_not_exists(s[0])", "attribute_not_exists(#dash)",
		"s = :claimed", ":claimed = s", "#s = :claimed", "n = :5", "yes = :yes", "nil = :nil", "m.x = :one", "#m.deep.y <> :a", "l[0] = :a", "ss = :allss",
		"s <> :a", "n <> :claimed", "absent <> :a", "ss <> :ss",
		"n < :6", "n <= :5", "n > :4", "n >= :5", "s > :cl", "b > :ab", "n < :big",
		"n BETWEEN :4 AND :6", "n between :5 and :5", "s IN (:a, :claimed)", "n in (:5)",
		"begins_with(s, :cl)", "begins_with(s, :empty)", "begins_with(b, :ab)",
		"contains(s, :cl)", "contains(ss, :a)", "contains(ns, :one)", "contains(bs, :abytes)", "contains(l, :a)", "contains(:claimed, s)",
		"attribute_type(s, :S)", "attribute_type(m, :M)",
		"size(s) > :6", "size(b) < :4", "size(ss) < :4", "size(m) < :4", "size(l) < :4", "size(s) <> size(b)",
		"NOT s = :a", "NOT NOT s = :claimed", "not attribute_exists(absent)",
		"s = :a OR n = :5", "s = :claimed AND n = :5", "s = :a AND n = :4 OR yes = :yes", "yes = :yes OR s = :a AND n = :4",
		"(s = :a OR yes = :yes) AND n = :5", "NOT (s = :a OR n = :4)", "(s = :a) OR (n = :5)", "((s = :a) OR (n = :5)) AND yes = :yes",
		"NOT s = :a AND n = :5", "  s\t=\n:claimed  ", "id=:claimed or n<:6",
	} {
		if err := check(t, condition, true); err != nil {
			t.Errorf("%s: %v, want it to hold", condition, err)
		}
	}
}

func TestConditionsThatDoNotHold(t *testing.T) {
	t.Parallel()
	for _, condition := range []string{
		"attribute_not_exists(id)", "attribute_exists(absent)", "s = :a", "s = n", "absent = :a", "absent = absent", "n = :claimed", "s <> :claimed",
		"absent < :4", "n < :claimed", "yes < :4", "n < :5", "n > :5", "s BETWEEN :4 AND :6", "n BETWEEN :6 AND :4", "s IN (:a)", "absent IN (:a)",
		"begins_with(s, :a)", "begins_with(n, :a)", "begins_with(absent, :a)", "begins_with(s, :ab)", "contains(s, :5)", "contains(ss, :one)", "contains(n, :5)", "contains(absent, :a)",
		"attribute_type(s, :M)", "attribute_type(absent, :S)", "size(n) > :4", "size(absent) < :4", "size(yes) < :4",
		"NOT s = :claimed", "s = :claimed AND n = :4", "s = :a OR n = :4", "NOT (s = :claimed AND n = :5)",
	} {
		if err := check(t, condition, true); !errors.As(err, new(*table.ConditionError)) {
			t.Errorf("%s: %v, want a ConditionError", condition, err)
		}
	}
}

func TestConditionsOnNoItem(t *testing.T) {
	t.Parallel()
	for condition, holds := range map[string]bool{
		"attribute_not_exists(id)": true, "attribute_exists(id)": false, "s = :a": false, "s <> :a": true, "NOT n < :4": true,
	} {
		err := check(t, condition, false)
		if holds && err != nil || !holds && !errors.As(err, new(*table.ConditionError)) {
			t.Errorf("%s on no item: %v, want it to hold: %t", condition, err, holds)
		}
	}
}

func TestConditionsRefused(t *testing.T) {
	t.Parallel()
	for condition, want := range map[string]string{
		"":                               "The expression can not be empty",
		"s":                              "Syntax error",
		"s =":                            "Syntax error",
		"s = :claimed n":                 `Syntax error; token: "n"`,
		"s == :claimed":                  `Syntax error; token: "="`,
		"s = 'claimed'":                  "Syntax error",
		"s = :claimed AND":               "Syntax error",
		"(s = :claimed":                  "Syntax error",
		"s = :claimed)":                  "Syntax error",
		"((s = :claimed))":               "redundant parentheses",
		"NOT ((s = :claimed))":           "redundant parentheses",
		"status = :a":                    "reserved keyword: status",
		"m.Name = :a":                    "reserved keyword: Name",
		"#none = :a":                     "attribute name: #none",
		"s = :none":                      "attribute value: :none",
		"m. = :a":                        "Syntax error",
		"l[x] = :a":                      "Syntax error",
		"l[] = :a":                       "Syntax error",
		"l[1 = :a":                       "Syntax error",
		"l[99999999999999999999] = :a":   "Syntax error",
		"attribute_exists(:a)":           "Syntax error",
		"attribute_exists(s, n)":         "Syntax error",
		"attribute_exists s":             "Syntax error",
		"ATTRIBUTE_EXISTS(s)":            "Invalid function name; function: ATTRIBUTE_EXISTS",
		"exists(s)":                      "Invalid function name",
		"begins_with(s)":                 "Syntax error",
		"begins_with(s, :5)":             "Incorrect operand type for operator or function; operator or function: begins_with, operand type: N",
		"attribute_type(s, :5)":          "operator or function: attribute_type, operand type: N",
		"n < :yes":                       "operator or function: <, operand type: BOOL",
		"n BETWEEN :yes AND :6":          "operator or function: BETWEEN, operand type: BOOL",
		"n BETWEEN :4":                   "Syntax error",
		"n IN :4":                        "Syntax error",
		"n IN ()":                        "Syntax error",
		"size(s)":                        "Syntax error",
		"size(:a) = :4":                  "Syntax error",
		"contains(s, begins_with(s, n))": "The function begins_with is not allowed",
		"s ! :a":                         "Syntax error",
		"é = :a":                         "Syntax error",
		"SET s = :a":                     "reserved keyword: SET",
	} {
		t.Run(condition, func(t *testing.T) {
			t.Parallel()
			wantMessage(t, check(t, condition, true), "Invalid ConditionExpression: ")
			wantMessage(t, check(t, condition, true), want)
		})
	}
	in := ":a" + strings.Repeat(", :a", 100)
	wantMessage(t, check(t, "s IN ("+in+")", true), "at most 100 operands")
	wantMessage(t, check(t, strings.Repeat(" ", 4097)+"s = :a", true), "Expression size")
}

// update applies an expression to the sample item and returns what it answers.
func update(t testing.TB, expression, returnValues string) (table.WriteOutput, *table.Table, error) {
	t.Helper()
	ledger := newTable(t)
	put(t, ledger, sample)
	in := table.UpdateInput{Key: attributes(t, key), UpdateExpression: &expression}
	in.ReturnValues = returnValues
	in.ExpressionAttributeNames, in.ExpressionAttributeValues = scope(t, expression)
	out, err := ledger.Update(in)
	return out, ledger, err
}

func TestUpdates(t *testing.T) {
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

// TestRemovalsMeanTheItemAsItWas has every index in an expression point into the list before any change.
func TestRemovalsMeanTheItemAsItWas(t *testing.T) {
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
		if got := encode(t, table.Item{"l": ledger.Items()[0]["l"]}); got != `{"l":`+want+`}` {
			t.Errorf("%s leaves %s, want %s", expression, got, want)
		}
	}
}

func TestUpdateReturnValues(t *testing.T) {
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
		out.Attributes["n"] = table.Text("changed by the caller")
		if got := get(t, ledger, key); strings.Contains(got, "changed by the caller") {
			t.Errorf("item is shared with the caller: %s", got)
		}
	}
}

func TestUpdateMakesTheItem(t *testing.T) {
	t.Parallel()
	ledger := newTable(t)
	in := table.UpdateInput{Key: attributes(t, key)}
	in.ReturnValues = "ALL_NEW"
	if out, err := ledger.Update(in); err != nil || encode(t, out.Attributes) != key {
		t.Errorf("Update without an expression = %v, %v; want the bare key", out, err)
	}
	expression := "ADD n :one"
	in = table.UpdateInput{Key: attributes(t, `{"id":{"S":"evt_2"}}`), UpdateExpression: &expression}
	in.ExpressionAttributeNames, in.ExpressionAttributeValues = scope(t, expression)
	if _, err := ledger.Update(in); err != nil {
		t.Fatalf("Update: %v", err)
	}
	if got, want := get(t, ledger, `{"id":{"S":"evt_2"}}`), `{"id":{"S":"evt_2"},"n":{"N":"1"}}`; got != want {
		t.Errorf("item: %s, want %s", got, want)
	}
}

func TestUpdatesRefused(t *testing.T) {
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

// FuzzExpressions holds that no expression makes the table panic, answer with a foreign error, or change an item it refused to change.
func FuzzExpressions(f *testing.F) {
	for _, seed := range []string{
		"attribute_exists(id) AND NOT (n BETWEEN :4 AND :6 OR s IN (:a, :claimed))", "begins_with(#s, :cl) or size(m.deep) <> :5",
		"SET n = if_not_exists(c, :one) + n, l[9] = :a REMOVE m.deep.y, l[0] ADD ss :ss DELETE ns :ns", "SET l = list_append(l, :list)", "((", "#", ":", "l[", "\x00é",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, expression string) {
		err := check(t, expression, true)
		if err != nil && !errors.As(err, new(*table.ConditionError)) && !errors.As(err, new(*table.ValidationError)) {
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
		if !errors.As(err, new(*table.ValidationError)) {
			t.Errorf("update %q: error of type %T", expression, err)
		}
		if got := encode(t, items[0]); got != encode(t, attributes(t, sample)) {
			t.Errorf("update %q was refused (%v) and changed the item to %s", expression, err, got)
		}
	})
}

// FuzzNumbers holds that the stored form of a number is stable: storing it again changes nothing.
func FuzzNumbers(f *testing.F) {
	for _, seed := range []string{"0", "-1.50", "1e125", "9.9e-130", "00012", ".5", "1e-999"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var once, twice table.Value
		if err := once.UnmarshalJSON(fmt.Appendf(nil, `{"N":%q}`, text)); err != nil {
			if !errors.As(err, new(*table.ValidationError)) {
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
	in := table.PutInput{Item: attributes(b, key)}
	in.ConditionExpression = &condition
	in.ExpressionAttributeNames, in.ExpressionAttributeValues = scope(b, condition)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ledger.Put(in); err != nil && !errors.As(err, new(*table.ConditionError)) {
			b.Fatal(err)
		}
	}
}

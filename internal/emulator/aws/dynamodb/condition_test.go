package dynamodb_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/dynamodb"
)

// sample is the item that expressions are tried on.
const sample = `{"id":{"S":"evt_1"},"s":{"S":"claimed"},"n":{"N":"5"},"b":{"B":"YWJj"},"yes":{"BOOL":true},"nil":{"NULL":true},` +
	`"m":{"M":{"x":{"N":"1"},"deep":{"M":{"y":{"S":"z"}}}}},"l":{"L":[{"S":"a"},{"N":"7"}]},"ss":{"SS":["a","b"]},"ns":{"NS":["1","2"]},"bs":{"BS":["YQ=="]}}`

// placeholders are the names and values that expressions may use; only those they do use are passed
// on.
const placeholders = `{":claimed":{"S":"claimed"},":cl":{"S":"cl"},":a":{"S":"a"},":empty":{"S":""},":4":{"N":"4"},":5":{"N":"5.0"},":6":{"N":"6"},` +
	`":one":{"N":"1"},":yes":{"BOOL":true},":ab":{"B":"YWI="},":abytes":{"B":"YQ=="},":S":{"S":"S"},":M":{"S":"M"},":list":{"L":[{"N":"8"}]},":map":{"M":{"k":{"S":"v"}}},` +
	`":ss":{"SS":["b","c"]},":allss":{"SS":["a","b"]},":ns":{"NS":["2","3"]},":nil":{"NULL":true},":big":{"N":"99999999999999999999999999999999999999"}}`

var names = map[string]string{"#s": "s", "#status": "status", "#m": "m", "#dash": "a-b"}

// scope returns the placeholders that text mentions.
func scope(t testing.TB, text string) (map[string]string, map[string]dynamodb.Value) {
	t.Helper()
	usedNames, usedValues := map[string]string{}, map[string]dynamodb.Value{}
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
	in := dynamodb.DeleteInput{Key: attributes(t, key)}
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
		if err := check(t, condition, true); !errors.As(err, new(*dynamodb.ConditionError)) {
			t.Errorf("%s: %v, want a ConditionError", condition, err)
		}
	}
}

func TestConditionsOnAMissingItem(t *testing.T) {
	t.Parallel()
	for condition, holds := range map[string]bool{
		"attribute_not_exists(id)": true, "attribute_exists(id)": false, "s = :a": false, "s <> :a": true, "NOT n < :4": true,
	} {
		err := check(t, condition, false)
		if holds && err != nil || !holds && !errors.As(err, new(*dynamodb.ConditionError)) {
			t.Errorf("%s on no item: %v, want it to hold: %t", condition, err, holds)
		}
	}
}

func TestInvalidConditionsAreRefused(t *testing.T) {
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

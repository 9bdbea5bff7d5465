package pattern_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/eventbridge/pattern"
)

type compileError struct {
	pattern string
	want    *pattern.Error
}

// wantCompileErrors checks that each pattern is refused with the wanted error.
func wantCompileErrors(t *testing.T, tests []compileError) {
	t.Helper()
	for _, test := range tests {
		t.Run(test.pattern, func(t *testing.T) {
			t.Parallel()
			p, err := pattern.Compile([]byte(test.pattern))
			if p != nil {
				t.Errorf("Compile(%s) returned a pattern with its error", test.pattern)
			}
			var got *pattern.Error
			if !errors.As(err, &got) {
				t.Fatalf("Compile(%s) = %v, want a *pattern.Error", test.pattern, err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("Compile(%s) (-want +got):\n%s", test.pattern, diff)
			}
		})
	}
}

func TestMalformedPatternIsAnError(t *testing.T) {
	t.Parallel()
	wantCompileErrors(t, []compileError{
		{`[]`, &pattern.Error{Path: "$", Reason: "must be an object, not an array"}},
		{`{}`, &pattern.Error{Path: "$", Reason: "an empty object matches nothing"}},
		{`{`, &pattern.Error{Path: "$", Reason: "not valid JSON: unexpected end of JSON input"}},
		{`{"a":["x"]} {}`, &pattern.Error{Path: "$", Reason: "not valid JSON: invalid character '{' after top-level value"}},
		{`{"a":{}}`, &pattern.Error{Path: "$.a", Reason: "an empty object matches nothing"}},
		{`{"a":[]}`, &pattern.Error{Path: "$.a", Reason: "an empty array matches nothing"}},
		{`{"a":"x"}`, &pattern.Error{Path: "$.a", Reason: "must be an array of values or an object of fields, not a string"}},
		{`{"a":{"b":1}}`, &pattern.Error{Path: "$.a.b", Reason: "must be an array of values or an object of fields, not a number"}},
		{`{"a":[["x"]]}`, &pattern.Error{Path: "$.a[0]", Reason: "must be a value or an operator, not an array"}},
		{`{"$or":[{"a":["x"]}]}`, &pattern.Error{Path: "$.$or", Operator: "$or", Reason: "must be an array of two or more objects"}},
		{`{"$or":[{"a":["x"]},"y"]}`, &pattern.Error{Path: "$.$or[1]", Operator: "$or", Reason: "must be an object, not a string"}},
		{`{"$or":[{"a":["x"]},{}]}`, &pattern.Error{Path: "$.$or[1]", Reason: "an empty object matches nothing"}},
		{`{"$or":[{"a":["x"]},{"b":{"prefix":["y"]}}]}`, &pattern.Error{Path: "$.$or[1].b.prefix", Operator: "$or", Reason: `"prefix" is an operator and cannot be the name of a field inside $or`}},
	})
}

func TestMoreThan1000CombinationsAreAnError(t *testing.T) {
	t.Parallel()
	or := `{"a":["1"]},{"b":["1"]}`
	for range 10 {
		or = fmt.Sprintf(`{"$or":[%s],"x":{"$or":[%s]}},{"c":["1"]}`, or, `{"a":["1"]},{"b":["1"]}`)
	}
	_, err := pattern.Compile([]byte(`{"$or":[` + or + `]}`))
	var got *pattern.Error
	if !errors.As(err, &got) || got.Reason != "the pattern has more than 1000 combinations" {
		t.Errorf("Compile of a pattern with 2^11 combinations: %v", err)
	}
}

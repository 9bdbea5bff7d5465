package pattern_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/eventbridge/pattern"
)

var compileErrors = []struct {
	pattern string
	want    *pattern.Error
}{
	{`[]`, &pattern.Error{Path: "$", Reason: "an object is wanted, not an array"}},
	{`{}`, &pattern.Error{Path: "$", Reason: "an empty object matches nothing"}},
	{`{`, &pattern.Error{Path: "$", Reason: "unexpected end of JSON input"}},
	{`{"a":["x"]} {}`, &pattern.Error{Path: "$", Reason: "invalid character '{' after top-level value"}},
	{`{"a":{}}`, &pattern.Error{Path: "$.a", Reason: "an empty object matches nothing"}},
	{`{"a":[]}`, &pattern.Error{Path: "$.a", Reason: "an empty array matches nothing"}},
	{`{"a":"x"}`, &pattern.Error{Path: "$.a", Reason: "an array of values or an object of fields is wanted, not a string"}},
	{`{"a":{"b":1}}`, &pattern.Error{Path: "$.a.b", Reason: "an array of values or an object of fields is wanted, not a number"}},
	{`{"a":[["x"]]}`, &pattern.Error{Path: "$.a[0]", Reason: "a value or an operator is wanted, not an array"}},
	{`{"a":["x",{}]}`, &pattern.Error{Path: "$.a[1]", Reason: "one operator is wanted, not 0"}},
	{`{"a":[{"prefix":"x","suffix":"y"}]}`, &pattern.Error{Path: "$.a[0]", Reason: "one operator is wanted, not 2"}},
	{`{"a":["x",{"regex":"x"}]}`, &pattern.Error{Path: "$.a[1].regex", Operator: "regex", Reason: "unknown operator"}},
	{`{"a":[{"Prefix":"x"}]}`, &pattern.Error{Path: "$.a[0].Prefix", Operator: "Prefix", Reason: "unknown operator"}},
	{`{"a":[{"exactly":1}]}`, &pattern.Error{Path: "$.a[0].exactly", Operator: "exactly", Reason: "a string is wanted, not a number"}},
	{`{"a":[{"prefix":1}]}`, &pattern.Error{Path: "$.a[0].prefix", Operator: "prefix", Reason: "a string is wanted, not a number"}},
	{`{"a":[{"prefix":{"wildcard":"x"}}]}`, &pattern.Error{Path: "$.a[0].prefix.wildcard", Operator: "wildcard", Reason: "unknown operator inside prefix"}},
	{`{"a":[{"suffix":{}}]}`, &pattern.Error{Path: "$.a[0].suffix", Operator: "suffix", Reason: "one operator is wanted, not 0"}},
	{`{"a":[{"suffix":{"equals-ignore-case":null}}]}`, &pattern.Error{Path: "$.a[0].suffix.equals-ignore-case", Operator: "equals-ignore-case", Reason: "a string is wanted, not true, false or null"}},
	{`{"a":[{"equals-ignore-case":["x"]}]}`, &pattern.Error{Path: "$.a[0].equals-ignore-case", Operator: "equals-ignore-case", Reason: "a string is wanted, not an array"}},
	{`{"a":[{"wildcard":["x"]}]}`, &pattern.Error{Path: "$.a[0].wildcard", Operator: "wildcard", Reason: "a string is wanted, not an array"}},
	{`{"a":[{"wildcard":"a**"}]}`, &pattern.Error{Path: "$.a[0].wildcard", Operator: "wildcard", Reason: "consecutive wildcards at byte 1"}},
	{`{"a":[{"wildcard":"a\\b"}]}`, &pattern.Error{Path: "$.a[0].wildcard", Operator: "wildcard", Reason: `a backslash at byte 1 escapes neither * nor \`}},
	{`{"a":[{"wildcard":"a\\"}]}`, &pattern.Error{Path: "$.a[0].wildcard", Operator: "wildcard", Reason: `a backslash at byte 1 escapes neither * nor \`}},
	{`{"a":[{"anything-but":[]}]}`, &pattern.Error{Path: "$.a[0].anything-but", Operator: "anything-but", Reason: "an empty list excludes nothing"}},
	{`{"a":[{"anything-but":["x",1]}]}`, &pattern.Error{Path: "$.a[0].anything-but[1]", Operator: "anything-but", Reason: "strings and numbers cannot be mixed"}},
	{`{"a":[{"anything-but":null}]}`, &pattern.Error{Path: "$.a[0].anything-but", Operator: "anything-but", Reason: "a string, a number or a list of either is wanted, not true, false or null"}},
	{`{"a":[{"anything-but":9007199254740993}]}`, &pattern.Error{Path: "$.a[0].anything-but", Operator: "anything-but", Reason: "9007199254740993 cannot be compared: a 64-bit float does not hold it exactly"}},
	{`{"a":[{"anything-but":{"numeric":["=",1]}}]}`, &pattern.Error{Path: "$.a[0].anything-but.numeric", Operator: "numeric", Reason: "unknown operator inside anything-but"}},
	{`{"a":[{"anything-but":{"prefix":""}}]}`, &pattern.Error{Path: "$.a[0].anything-but.prefix", Operator: "prefix", Reason: "an empty string would exclude every string"}},
	{`{"a":[{"anything-but":{"suffix":["x",true]}}]}`, &pattern.Error{Path: "$.a[0].anything-but.suffix[1]", Operator: "suffix", Reason: "a string is wanted, not true, false or null"}},
	{`{"a":[{"anything-but":{"wildcard":["x","**"]}}]}`, &pattern.Error{Path: "$.a[0].anything-but.wildcard[1]", Operator: "wildcard", Reason: "consecutive wildcards at byte 0"}},
	{`{"a":[{"anything-but":{"prefix":"x","suffix":"y"}}]}`, &pattern.Error{Path: "$.a[0].anything-but", Operator: "anything-but", Reason: "one operator is wanted, not 2"}},
	{`{"a":[{"numeric":5}]}`, &pattern.Error{Path: "$.a[0].numeric", Operator: "numeric", Reason: "one or two comparisons are wanted, each an operator and a number"}},
	{`{"a":[{"numeric":["<"]}]}`, &pattern.Error{Path: "$.a[0].numeric", Operator: "numeric", Reason: "one or two comparisons are wanted, each an operator and a number"}},
	{`{"a":[{"numeric":["!=",1]}]}`, &pattern.Error{Path: "$.a[0].numeric", Operator: "numeric", Reason: `unknown comparison "!="`}},
	{`{"a":[{"numeric":[1,"<"]}]}`, &pattern.Error{Path: "$.a[0].numeric", Operator: "numeric", Reason: "a comparison is wanted, not a number"}},
	{`{"a":[{"numeric":["<","1"]}]}`, &pattern.Error{Path: "$.a[0].numeric", Operator: "numeric", Reason: "a number is wanted, not a string"}},
	{`{"a":[{"numeric":["<",5,">",1]}]}`, &pattern.Error{Path: "$.a[0].numeric", Operator: "numeric", Reason: "a range is > or >= followed by < or <="}},
	{`{"a":[{"numeric":[">",5,"=",6]}]}`, &pattern.Error{Path: "$.a[0].numeric", Operator: "numeric", Reason: "a range is > or >= followed by < or <="}},
	{`{"a":[{"numeric":[">",5,"<",5]}]}`, &pattern.Error{Path: "$.a[0].numeric", Operator: "numeric", Reason: "the lower end of a range must be less than the upper end"}},
	{`{"a":[{"numeric":[">",5000000000.1]}]}`, &pattern.Error{Path: "$.a[0].numeric", Operator: "numeric", Reason: "5000000000.1 is outside ±5.0e9 with six digits after the point"}},
	{`{"a":[{"numeric":[">",0.0000001]}]}`, &pattern.Error{Path: "$.a[0].numeric", Operator: "numeric", Reason: "0.0000001 is outside ±5.0e9 with six digits after the point"}},
	{`{"a":[{"cidr":"10.0.0.0"}]}`, &pattern.Error{Path: "$.a[0].cidr", Operator: "cidr", Reason: `"" is not a prefix length from 0 to 31`}},
	{`{"a":[{"cidr":"10.0.0.1/32"}]}`, &pattern.Error{Path: "$.a[0].cidr", Operator: "cidr", Reason: `"32" is not a prefix length from 0 to 31`}},
	{`{"a":[{"cidr":"::/128"}]}`, &pattern.Error{Path: "$.a[0].cidr", Operator: "cidr", Reason: `"128" is not a prefix length from 0 to 127`}},
	{`{"a":[{"cidr":"host/8"}]}`, &pattern.Error{Path: "$.a[0].cidr", Operator: "cidr", Reason: `"host" is not an IP address`}},
	{`{"a":[{"cidr":8}]}`, &pattern.Error{Path: "$.a[0].cidr", Operator: "cidr", Reason: "a string is wanted, not a number"}},
	{`{"a":[{"exists":"true"}]}`, &pattern.Error{Path: "$.a[0].exists", Operator: "exists", Reason: "true or false is wanted"}},
	{`{"$or":[{"a":["x"]}]}`, &pattern.Error{Path: "$.$or", Operator: "$or", Reason: "an array of two or more objects is wanted"}},
	{`{"$or":[{"a":["x"]},"y"]}`, &pattern.Error{Path: "$.$or[1]", Operator: "$or", Reason: "an object is wanted, not a string"}},
	{`{"$or":[{"a":["x"]},{}]}`, &pattern.Error{Path: "$.$or[1]", Reason: "an empty object matches nothing"}},
	{`{"$or":[{"a":["x"]},{"b":{"prefix":["y"]}}]}`, &pattern.Error{Path: "$.$or[1].b.prefix", Operator: "$or", Reason: `"prefix" is an operator and cannot be a field here`}},
}

func TestCompileError(t *testing.T) {
	t.Parallel()
	for _, test := range compileErrors {
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

func TestErrorText(t *testing.T) {
	t.Parallel()
	tests := map[string]*pattern.Error{
		"event pattern $.a[0].regex: regex: unknown operator": {Path: "$.a[0].regex", Operator: "regex", Reason: "unknown operator"},
		"event pattern $: an empty object matches nothing":    {Path: "$", Reason: "an empty object matches nothing"},
	}
	for want, err := range tests {
		if got := err.Error(); got != want {
			t.Errorf("Error() = %q, want %q", got, want)
		}
	}
}

func TestTooManyCombinations(t *testing.T) {
	t.Parallel()
	or := `{"a":["1"]},{"b":["1"]}`
	for range 10 {
		or = fmt.Sprintf(`{"$or":[%s],"x":{"$or":[%s]}},{"c":["1"]}`, or, `{"a":["1"]},{"b":["1"]}`)
	}
	_, err := pattern.Compile([]byte(`{"$or":[` + or + `]}`))
	var got *pattern.Error
	if !errors.As(err, &got) || got.Reason != "more than 1000 combinations" {
		t.Errorf("Compile of a pattern with 2^11 combinations: %v", err)
	}
}

func TestMatchError(t *testing.T) {
	t.Parallel()
	p, err := pattern.Compile([]byte(`{"a":["x"]}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, event := range []string{``, `[]`, `"a"`, `null`, `{"a":"x"`, `{"a":"x"} {}`, `{"a":x}`} {
		if ok, err := p.Match([]byte(event)); ok || !errors.Is(err, pattern.ErrEvent) {
			t.Errorf("Match(%s) = %t, %v, want false, %v", event, ok, err, pattern.ErrEvent)
		}
	}
}

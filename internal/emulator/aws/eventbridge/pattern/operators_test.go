package pattern_test

import (
	"testing"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/eventbridge/pattern"
)

// valueTest lists values of a field that its pattern matches, and values that it does not match.
type valueTest struct {
	pattern string
	yes     []string
	no      []string
}

// wantMatches checks the patterns of the field "a" against its values.
func wantMatches(t *testing.T, tests map[string][]valueTest) {
	t.Helper()
	for name, group := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, test := range group {
				for _, v := range test.yes {
					if !match(t, `{"a":`+test.pattern+`}`, `{"a":`+v+`}`) {
						t.Errorf("%s does not match %s", test.pattern, v)
					}
				}
				for _, v := range test.no {
					if match(t, `{"a":`+test.pattern+`}`, `{"a":`+v+`}`) {
						t.Errorf("%s matches %s", test.pattern, v)
					}
				}
			}
		})
	}
}

func TestOperatorsMatchValuesOfAnyType(t *testing.T) {
	t.Parallel()
	wantMatches(t, map[string][]valueTest{
		"exact": {
			{`["x"]`, []string{`"x"`, `["y","x"]`, `[["x"]]`}, []string{`"X"`, `""`, `"xy"`, `null`, `[]`, `{}`, `{"b":"x"}`}},
			{`["x","y"]`, []string{`"x"`, `"y"`, `["z","y"]`}, []string{`"z"`}},
			{`[""]`, []string{`""`}, []string{`" "`, `null`, `[]`}},
			{`[null]`, []string{`null`, `[null]`}, []string{`"null"`, `false`, `0`, `[]`, `{}`}},
			{`[true]`, []string{`true`}, []string{`false`, `"true"`, `1`}},
			{`[false]`, []string{`false`}, []string{`true`, `null`, `0`}},
			{`["é"]`, []string{`"é"`, `"\u00e9"`}, []string{`"e"`, `"É"`}},
			{`["a\"b\\"]`, []string{`"a\"b\\"`}, []string{`"ab"`}},
			{`["😀"]`, []string{`"😀"`, `"\ud83d\ude00"`}, []string{`"?"`}},
			{`[{"exactly":"x"}]`, []string{`"x"`}, []string{`"y"`}},
		},
		"anything-but": {
			{`[{"anything-but":"x"}]`, []string{`"y"`, `""`, `null`, `1`, `true`, `["x","y"]`}, []string{`"x"`, `["x"]`, `[]`, `{}`}},
			{`[{"anything-but":["x","y"]}]`, []string{`"z"`, `["x","y","z"]`}, []string{`"x"`, `"y"`, `["x","y"]`}},
			{`[{"anything-but":123}]`, []string{`124`, `"123"`, `null`}, []string{`123`, `123.0`, `1.23e2`}},
			{`[{"anything-but":[100,200]}]`, []string{`300`, `"100"`}, []string{`100`, `2e2`}},
			{`[{"anything-but":"10.0.0.1"}]`, []string{`"010.0.0.1"`}, []string{`"10.0.0.1"`}},
			{`[{"anything-but":{"prefix":"us-"}}]`, []string{`"eu"`, `7`}, []string{`"us-east-1"`}},
			{`[{"anything-but":{"prefix":["us-","eu-"]}}]`, []string{`"ap-1"`}, []string{`"us-1"`, `"eu-1"`}},
			{`[{"anything-but":{"suffix":".png"}}]`, []string{`"a.jpg"`}, []string{`"a.png"`}},
			{`[{"anything-but":{"suffix":[".png",".jpg"]}}]`, []string{`"a.gif"`}, []string{`"a.png"`, `"a.jpg"`}},
			{`[{"anything-but":{"equals-ignore-case":"Stopped"}}]`, []string{`"running"`}, []string{`"STOPPED"`}},
			{`[{"anything-but":{"equals-ignore-case":["a","b"]}}]`, []string{`"c"`, `null`}, []string{`"A"`, `"b"`}},
			{`[{"anything-but":{"wildcard":"*/lib/*"}}]`, []string{`"/bin/x"`, `2`}, []string{`"/lib/x"`}},
			{`[{"anything-but":{"wildcard":["a*","*z"]}}]`, []string{`"bc"`}, []string{`"ab"`, `"bz"`}},
		},
		"exists": {
			{`[{"exists":true}]`, []string{`1`, `""`, `null`, `[0]`, `[[0]]`}, []string{`{}`, `[]`, `[[]]`, `{"b":1}`}},
			{`[{"exists":false}]`, []string{`{}`, `[]`, `{"b":1}`}, []string{`null`, `""`, `[null]`}},
			{`[{"exists":false},"x"]`, []string{`"x"`, `{}`}, []string{`"y"`}},
		},
	})
}

func TestMalformedOperatorIsAnError(t *testing.T) {
	t.Parallel()
	wantCompileErrors(t, []compileError{
		{`{"a":["x",{}]}`, &pattern.Error{Path: "$.a[1]", Reason: "must have exactly one operator, not 0"}},
		{`{"a":[{"prefix":"x","suffix":"y"}]}`, &pattern.Error{Path: "$.a[0]", Reason: "must have exactly one operator, not 2"}},
		{`{"a":["x",{"regex":"x"}]}`, &pattern.Error{Path: "$.a[1].regex", Operator: "regex", Reason: "unknown operator; use prefix, suffix, equals-ignore-case, wildcard, anything-but, numeric, cidr or exists"}},
		{`{"a":[{"Prefix":"x"}]}`, &pattern.Error{Path: "$.a[0].Prefix", Operator: "Prefix", Reason: "unknown operator: did you mean prefix?"}},
		{`{"a":[{"anything-but":[]}]}`, &pattern.Error{Path: "$.a[0].anything-but", Operator: "anything-but", Reason: "an empty list excludes nothing"}},
		{`{"a":[{"anything-but":["x",1]}]}`, &pattern.Error{Path: "$.a[0].anything-but[1]", Operator: "anything-but", Reason: "a list cannot contain both strings and numbers"}},
		{`{"a":[{"anything-but":null}]}`, &pattern.Error{Path: "$.a[0].anything-but", Operator: "anything-but", Reason: "must be a string, a number or a list of either, not true, false or null"}},
		{`{"a":[{"anything-but":9007199254740993}]}`, &pattern.Error{Path: "$.a[0].anything-but", Operator: "anything-but", Reason: "9007199254740993 cannot be compared, because a 64-bit float does not represent it exactly"}},
		{`{"a":[{"anything-but":{"numeric":["=",1]}}]}`, &pattern.Error{Path: "$.a[0].anything-but.numeric", Operator: "numeric", Reason: "unknown operator; anything-but can contain only prefix, suffix, equals-ignore-case or wildcard"}},
		{`{"a":[{"anything-but":{"prefix":""}}]}`, &pattern.Error{Path: "$.a[0].anything-but.prefix", Operator: "prefix", Reason: "an empty string would exclude every string"}},
		{`{"a":[{"anything-but":{"suffix":["x",true]}}]}`, &pattern.Error{Path: "$.a[0].anything-but.suffix[1]", Operator: "suffix", Reason: "must be a string, not true, false or null"}},
		{`{"a":[{"anything-but":{"wildcard":["x","**"]}}]}`, &pattern.Error{Path: "$.a[0].anything-but.wildcard[1]", Operator: "wildcard", Reason: "two wildcards in a row at byte 0"}},
		{`{"a":[{"anything-but":{"prefix":"x","suffix":"y"}}]}`, &pattern.Error{Path: "$.a[0].anything-but", Operator: "anything-but", Reason: "must have exactly one operator, not 2"}},
		{`{"a":[{"exists":"true"}]}`, &pattern.Error{Path: "$.a[0].exists", Operator: "exists", Reason: "must be true or false"}},
	})
}

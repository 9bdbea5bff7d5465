package pattern_test

import (
	"testing"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/eventbridge/pattern"
)

func TestStringOperatorsMatchStrings(t *testing.T) {
	t.Parallel()
	wantMatches(t, map[string][]valueTest{
		"prefix": {
			{`[{"prefix":"us-"}]`, []string{`"us-"`, `"us-east-1"`, `["eu","us-x"]`}, []string{`"US-"`, `"eu-us-"`, `"us"`, `1`, `null`}},
			{`[{"prefix":""}]`, []string{`""`, `"x"`}, []string{`1`, `true`, `null`, `[]`}},
			{`[{"prefix":{"equals-ignore-case":"EventB"}}]`, []string{`"eventbridge"`, `"EVENTB"`}, []string{`"event"`, `"xeventb"`, `5`}},
		},
		"suffix": {
			{`[{"suffix":".png"}]`, []string{`".png"`, `"a.png"`}, []string{`"a.PNG"`, `"png"`, `".png "`}},
			{`[{"suffix":"日本"}]`, []string{`"日本"`, `"x日本"`}, []string{`"本"`, `"日本x"`}},
			{`[{"suffix":{"equals-ignore-case":"É.pNg"}}]`, []string{`"é.PNG"`, `"xÉ.png"`}, []string{`"e.png"`}},
			{`[{"suffix":""}]`, []string{`""`, `"x"`}, []string{`0`}},
		},
		"equals-ignore-case": {
			{`[{"equals-ignore-case":"aLiCe"}]`, []string{`"alice"`, `"ALICE"`}, []string{`"alic"`, `"alicee"`, `null`}},
			{`[{"equals-ignore-case":"É"}]`, []string{`"é"`, `"É"`}, []string{`"e"`, `"E\u0301"`}},
			{`[{"equals-ignore-case":"ß"}]`, []string{`"ß"`, `"SS"`}, []string{`"ss"`}},
			{`[{"equals-ignore-case":"ss"}]`, []string{`"ss"`, `"sS"`}, []string{`"ß"`}},
			{`[{"equals-ignore-case":"\u212a"}]`, []string{`"k"`, `"\u212a"`}, []string{`"K"`}},
			{`[{"equals-ignore-case":"😀"}]`, []string{`"??"`}, []string{`"😀"`}}, // a peculiarity of event-ruler
		},
		"wildcard": {
			{`[{"wildcard":"*"}]`, []string{`""`, `"x"`}, []string{`1`, `null`, `[]`}},
			{`[{"wildcard":"a*c"}]`, []string{`"ac"`, `"abc"`, `"a*c"`, `"acc"`}, []string{`"a"`, `"acx"`, `"xac"`}},
			{`[{"wildcard":"dir/*.png"}]`, []string{`"dir/.png"`, `"dir/a/b.png"`}, []string{`"dir.png"`}},
			{`[{"wildcard":"*b*b*"}]`, []string{`"bb"`, `"abab"`}, []string{`"b"`, `"a"`}},
			{`[{"wildcard":"a*ba"}]`, []string{`"aba"`, `"ababa"`}, []string{`"ba"`}},
			{`[{"wildcard":"ab*ba"}]`, []string{`"abba"`}, []string{`"aba"`}},
			{`[{"wildcard":"\\*"}]`, []string{`"*"`}, []string{`"x"`, `""`}},
			{`[{"wildcard":"a\\**"}]`, []string{`"a*"`, `"a*b"`}, []string{`"ab"`}},
			{`[{"wildcard":"\\\\*"}]`, []string{`"\\"`, `"\\x"`}, []string{`"x"`, `"*"`}},
			{`[{"wildcard":"plain"}]`, []string{`"plain"`}, []string{`"plainer"`}},
		},
	})
}

func TestMalformedStringOperatorIsAnError(t *testing.T) {
	t.Parallel()
	wantCompileErrors(t, []compileError{
		{`{"a":[{"exactly":1}]}`, &pattern.Error{Path: "$.a[0].exactly", Operator: "exactly", Reason: "must be a string, not a number"}},
		{`{"a":[{"prefix":1}]}`, &pattern.Error{Path: "$.a[0].prefix", Operator: "prefix", Reason: "must be a string, not a number"}},
		{`{"a":[{"prefix":{"wildcard":"x"}}]}`, &pattern.Error{Path: "$.a[0].prefix.wildcard", Operator: "wildcard", Reason: "prefix can contain only equals-ignore-case"}},
		{`{"a":[{"suffix":{}}]}`, &pattern.Error{Path: "$.a[0].suffix", Operator: "suffix", Reason: "must have exactly one operator, not 0"}},
		{`{"a":[{"suffix":{"equals-ignore-case":null}}]}`, &pattern.Error{Path: "$.a[0].suffix.equals-ignore-case", Operator: "equals-ignore-case", Reason: "must be a string, not true, false or null"}},
		{`{"a":[{"equals-ignore-case":["x"]}]}`, &pattern.Error{Path: "$.a[0].equals-ignore-case", Operator: "equals-ignore-case", Reason: "must be a string, not an array"}},
		{`{"a":[{"wildcard":["x"]}]}`, &pattern.Error{Path: "$.a[0].wildcard", Operator: "wildcard", Reason: "must be a string, not an array"}},
		{`{"a":[{"wildcard":"a**"}]}`, &pattern.Error{Path: "$.a[0].wildcard", Operator: "wildcard", Reason: "two wildcards in a row at byte 1"}},
		{`{"a":[{"wildcard":"a\\b"}]}`, &pattern.Error{Path: "$.a[0].wildcard", Operator: "wildcard", Reason: `the backslash at byte 1 must be followed by * or \`}},
		{`{"a":[{"wildcard":"a\\"}]}`, &pattern.Error{Path: "$.a[0].wildcard", Operator: "wildcard", Reason: `the backslash at byte 1 must be followed by * or \`}},
	})
}

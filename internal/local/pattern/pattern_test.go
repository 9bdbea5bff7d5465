package pattern_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/local/pattern"
)

func match(t *testing.T, patternJSON, event string) bool {
	t.Helper()
	p, err := pattern.Compile([]byte(patternJSON))
	if err != nil {
		t.Fatalf("Compile(%s): %v", patternJSON, err)
	}
	ok, err := p.Match([]byte(event))
	if err != nil {
		t.Fatalf("Match(%s, %s): %v", patternJSON, event, err)
	}
	return ok
}

// values says which values of the field "a" a pattern for it takes.
type values struct {
	leaf string
	yes  []string
	no   []string
}

func TestMatchValue(t *testing.T) {
	t.Parallel()
	tests := map[string][]values{
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
		"number": {
			{`[300]`, []string{`300`, `300.0`, `3.0e2`, `3E+2`, `0.3e3`}, []string{`"300"`, `301`, `300.00000001`, `-300`}},
			{`["300"]`, []string{`"300"`}, []string{`300`}},
			{`[0]`, []string{`0`, `-0`, `0.0`, `-0.0e5`}, []string{`1e-400`, `null`, `false`, `""`}},
			{`[123456789012]`, []string{`123456789012`, `1.23456789012e11`}, []string{`123456789013`}},
			// A float does not hold these exactly, so they are equal as they are written, and not otherwise.
			{`[9007199254740993]`, []string{`9007199254740993`}, []string{`9007199254740992`, `9007199254740993.0`}},
			{`[1e400]`, []string{`1e400`}, []string{`1e401`, `10e399`}},
		},
		"ip address": {
			{`["10.0.0.1"]`, []string{`"10.0.0.1"`, `"010.0.0.1"`, `"::ffff:a00:1"`}, []string{`"10.0.0.2"`, `"10.0.0.1/32"`}},
			{`["2001:db8::1"]`, []string{`"2001:0db8:0:0::1"`}, []string{`"2001:db8::2"`, `"2001:db8::1%eth0"`}},
		},
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
			{`[{"equals-ignore-case":"😀"}]`, []string{`"??"`}, []string{`"😀"`}}, // an oddity of the engine
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
		"numeric": {
			{`[{"numeric":["=",100]}]`, []string{`100`, `1e2`}, []string{`"100"`, `101`, `null`}},
			{`[{"numeric":["<",10]}]`, []string{`9.999999`, `-5e9`, `-1e300`}, []string{`10`, `11`, `"9"`}},
			{`[{"numeric":["<=",10]}]`, []string{`10`, `10.0`}, []string{`10.000001`}},
			{`[{"numeric":[">",10]}]`, []string{`10.000001`, `1e300`}, []string{`10`}},
			{`[{"numeric":[">=",10]}]`, []string{`10`}, []string{`9.999999`}},
			{`[{"numeric":[">",0,"<=",5]}]`, []string{`5`, `0.1`, `[0,1]`}, []string{`0`, `5.1`, `[0,6]`}},
			{`[{"numeric":[">=",-5.0e9,"<",5.0e9]}]`, []string{`-5000000000`, `4999999999.999999`}, []string{`5000000000`}},
			{`[{"numeric":["<",1]}]`, nil, []string{`0.1000000000000000055511151231257827`}}, // not held by a float, so not compared
		},
		"cidr": {
			{`[{"cidr":"10.0.0.0/24"}]`, []string{`"10.0.0.0"`, `"10.0.0.255"`, `"::ffff:a00:7"`}, []string{`"10.0.1.0"`, `"10.0.0"`, `"x"`, `10`}},
			{`[{"cidr":"10.0.0.77/25"}]`, []string{`"10.0.0.127"`}, []string{`"10.0.0.128"`}},
			{`[{"cidr":"0.0.0.0/0"}]`, []string{`"1.2.3.4"`}, []string{`"::1"`, `"1.2.3.4.5"`, `"256.0.0.1"`, `12`}},
			{`[{"cidr":"2001:db8::/32"}]`, []string{`"2001:db8:ffff::"`}, []string{`"2001:db9::"`, `"10.0.0.1"`}},
		},
		"exists": {
			{`[{"exists":true}]`, []string{`1`, `""`, `null`, `[0]`, `[[0]]`}, []string{`{}`, `[]`, `[[]]`, `{"b":1}`}},
			{`[{"exists":false}]`, []string{`{}`, `[]`, `{"b":1}`}, []string{`null`, `""`, `[null]`}},
			{`[{"exists":false},"x"]`, []string{`"x"`, `{}`}, []string{`"y"`}},
		},
	}
	for name, group := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, test := range group {
				for _, v := range test.yes {
					if !match(t, `{"a":`+test.leaf+`}`, `{"a":`+v+`}`) {
						t.Errorf("%s does not match %s", test.leaf, v)
					}
				}
				for _, v := range test.no {
					if match(t, `{"a":`+test.leaf+`}`, `{"a":`+v+`}`) {
						t.Errorf("%s matches %s", test.leaf, v)
					}
				}
			}
		})
	}
}

func TestMatchStructure(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		pattern, event string
		want           bool
	}{
		"all fields match":               {`{"a":["x"],"b":["y"]}`, `{"b":"y","a":"x","c":1}`, true},
		"one field does not":             {`{"a":["x"],"b":["y"]}`, `{"b":"z","a":"x"}`, false},
		"field is absent":                {`{"a":["x"]}`, `{}`, false},
		"nested":                         {`{"detail":{"state":["running"]}}`, `{"detail":{"state":"running"}}`, true},
		"value where an object is asked": {`{"a":{"b":["x"]}}`, `{"a":"x"}`, false},
		"exists false of a missing path": {`{"a":{"b":[{"exists":false}]}}`, `{}`, true},
		"dotted key in the event":        {`{"a":{"b":["x"]}}`, `{"a.b":"x"}`, true},
		"dotted key in the pattern":      {`{"a.b":["x"]}`, `{"a":{"b":"x"}}`, true},
		"repeated key in the event":      {`{"a":["x"]}`, `{"a":"x","a":"y"}`, true},
		"repeated key in the pattern":    {`{"a":["x"],"a":["y"]}`, `{"a":"x"}`, false},
		"same element of an array":       {`{"a":{"b":["x"],"c":["y"]}}`, `{"a":[{"b":"x","c":"y"},{"b":"z"}]}`, true},
		"different elements":             {`{"a":{"b":["x"],"c":["y"]}}`, `{"a":[{"b":"x"},{"c":"y"}]}`, false},
		"elements of different arrays":   {`{"a":{"x":["1"]},"b":{"x":["2"]}}`, `{"a":[{"x":"0"},{"x":"1"}],"b":[{"x":"2"}]}`, true},
		"element of an inner array":      {`{"a":{"b":{"c":["1"]},"d":["2"]}}`, `{"a":[{"b":[{"c":"0"},{"c":"1"}],"d":"2"}]}`, true},
		"inner arrays of two elements":   {`{"a":{"b":{"c":["1"]},"d":["2"]}}`, `{"a":[{"b":[{"c":"1"}]},{"d":"2"}]}`, false},
		"values of an array are free":    {`{"a":["x"],"b":["y"]}`, `{"a":["y","x"],"b":["y"]}`, true},
		"absent from the chosen element": {`{"a":{"b":["x"],"c":[{"exists":false}]}}`, `{"a":[{"b":"x"},{"c":"y"}]}`, true},
		"present in the chosen element":  {`{"a":{"b":["x"],"c":[{"exists":false}]}}`, `{"a":[{"b":"x","c":"y"}]}`, false},
		"or, first":                      {`{"$or":[{"a":["x"]},{"b":["y"]}]}`, `{"a":"x"}`, true},
		"or, second":                     {`{"$or":[{"a":["x"]},{"b":["y"]}]}`, `{"b":"y"}`, true},
		"or, neither":                    {`{"$or":[{"a":["x"]},{"b":["y"]}]}`, `{"a":"y","b":"x"}`, false},
		"or and a field":                 {`{"s":["1"],"$or":[{"a":["x"]},{"b":["y"]}]}`, `{"s":"2","b":"y"}`, false},
		"or below a field":               {`{"d":{"$or":[{"a":["x"]},{"b":["y"]}]}}`, `{"d":{"b":"y"}}`, true},
		"or of and":                      {`{"$or":[{"a":["x"],"b":["y"]},{"c":["z"]}]}`, `{"a":"x"}`, false},
		"or in or":                       {`{"$or":[{"a":["x"]},{"b":["y"],"$or":[{"c":["1"]},{"d":["2"]}]}]}`, `{"b":"y","d":"2"}`, true},
		"two ors, one met":               {`{"$or":[{"a":["x"]},{"b":["y"]}],"c":{"$or":[{"a":["x"]},{"b":["y"]}]}}`, `{"a":"x"}`, false},
		"two ors, both met":              {`{"$or":[{"a":["x"]},{"b":["y"]}],"c":{"$or":[{"a":["x"]},{"b":["y"]}]}}`, `{"a":"x","c":{"b":"y"}}`, true},
		"or does not mix elements":       {`{"a":{"b":["x"],"$or":[{"c":["y"]},{"d":["z"]}]}}`, `{"a":[{"b":"x"},{"c":"y","d":"z"}]}`, false},
		"or over an earlier field":       {`{"a":["x"],"$or":[{"a":["y"]},{"b":["z"]}]}`, `{"a":"y"}`, true},
		"or as a field, object":          {`{"$or":{"a":["x"]}}`, `{"$or":{"a":"x"}}`, true},
		"or as a field, values":          {`{"$or":["x"]}`, `{"$or":"x"}`, true},
		"or as a field, operators":       {`{"$or":[{"numeric":[">",0]},{"prefix":"x"}]}`, `{"$or":"xy"}`, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := match(t, test.pattern, test.event); got != test.want {
				t.Errorf("match(%s, %s) = %t, want %t", test.pattern, test.event, got, test.want)
			}
		})
	}
}

func TestCompileError(t *testing.T) {
	t.Parallel()
	tests := []struct {
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

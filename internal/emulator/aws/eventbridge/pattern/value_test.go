package pattern_test

import (
	"testing"
)

// values says which values of the field "a" a pattern for it takes.
type values struct {
	leaf string
	yes  []string
	no   []string
}

var valueTests = map[string][]values{
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

func TestMatchValue(t *testing.T) {
	t.Parallel()
	for name, group := range valueTests {
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

package pattern_test

import (
	"testing"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/eventbridge/pattern"
)

func TestNumbersMatchByValue(t *testing.T) {
	t.Parallel()
	wantMatches(t, map[string][]valueTest{
		"number": {
			{`[300]`, []string{`300`, `300.0`, `3.0e2`, `3E+2`, `0.3e3`}, []string{`"300"`, `301`, `300.00000001`, `-300`}},
			{`["300"]`, []string{`"300"`}, []string{`300`}},
			{`[0]`, []string{`0`, `-0`, `0.0`, `-0.0e5`}, []string{`1e-400`, `null`, `false`, `""`}},
			{`[123456789012]`, []string{`123456789012`, `1.23456789012e11`}, []string{`123456789013`}},
			// A float does not represent these exactly, so they are compared as they are written.
			{`[9007199254740993]`, []string{`9007199254740993`}, []string{`9007199254740992`, `9007199254740993.0`}},
			{`[1e400]`, []string{`1e400`}, []string{`1e401`, `10e399`}},
		},
		"numeric": {
			{`[{"numeric":["=",100]}]`, []string{`100`, `1e2`}, []string{`"100"`, `101`, `null`}},
			{`[{"numeric":["<",10]}]`, []string{`9.999999`, `-5e9`, `-1e300`}, []string{`10`, `11`, `"9"`}},
			{`[{"numeric":["<=",10]}]`, []string{`10`, `10.0`}, []string{`10.000001`}},
			{`[{"numeric":[">",10]}]`, []string{`10.000001`, `1e300`}, []string{`10`}},
			{`[{"numeric":[">=",10]}]`, []string{`10`}, []string{`9.999999`}},
			{`[{"numeric":[">",0,"<=",5]}]`, []string{`5`, `0.1`, `[0,1]`}, []string{`0`, `5.1`, `[0,6]`}},
			{`[{"numeric":[">=",-5.0e9,"<",5.0e9]}]`, []string{`-5000000000`, `4999999999.999999`}, []string{`5000000000`}},
			{`[{"numeric":["<",1]}]`, nil, []string{`0.1000000000000000055511151231257827`}}, // not comparable: a float does not represent it exactly
		},
	})
}

func TestMalformedNumericIsAnError(t *testing.T) {
	t.Parallel()
	wantCompileErrors(t, []compileError{
		{`{"a":[{"numeric":5}]}`, &pattern.Error{Path: "$.a[0].numeric", Operator: "numeric", Reason: "must be one or two comparisons, each an operator and a number"}},
		{`{"a":[{"numeric":["<"]}]}`, &pattern.Error{Path: "$.a[0].numeric", Operator: "numeric", Reason: "must be one or two comparisons, each an operator and a number"}},
		{`{"a":[{"numeric":["!=",1]}]}`, &pattern.Error{Path: "$.a[0].numeric", Operator: "numeric", Reason: `unknown comparison "!="; use =, <, <=, > or >=`}},
		{`{"a":[{"numeric":[1,"<"]}]}`, &pattern.Error{Path: "$.a[0].numeric", Operator: "numeric", Reason: "the operator of a comparison must be a string, not a number"}},
		{`{"a":[{"numeric":["<","1"]}]}`, &pattern.Error{Path: "$.a[0].numeric", Operator: "numeric", Reason: "a value must be compared with a number, not a string"}},
		{`{"a":[{"numeric":["<",5,">",1]}]}`, &pattern.Error{Path: "$.a[0].numeric", Operator: "numeric", Reason: "a range must be > or >= followed by < or <="}},
		{`{"a":[{"numeric":[">",5,"=",6]}]}`, &pattern.Error{Path: "$.a[0].numeric", Operator: "numeric", Reason: "a range must be > or >= followed by < or <="}},
		{`{"a":[{"numeric":[">",5,"<",5]}]}`, &pattern.Error{Path: "$.a[0].numeric", Operator: "numeric", Reason: "the lower end of a range must be less than the upper end"}},
		{`{"a":[{"numeric":[">",5000000000.1]}]}`, &pattern.Error{Path: "$.a[0].numeric", Operator: "numeric", Reason: "5000000000.1 is outside ±5.0e9 or has more than six digits after the decimal point"}},
		{`{"a":[{"numeric":[">",0.0000001]}]}`, &pattern.Error{Path: "$.a[0].numeric", Operator: "numeric", Reason: "0.0000001 is outside ±5.0e9 or has more than six digits after the decimal point"}},
	})
}

package pattern_test

import (
	"testing"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/eventbridge/pattern"
)

func TestAddressesMatchInEveryNotation(t *testing.T) {
	t.Parallel()
	wantMatches(t, map[string][]valueTest{
		"ip address": {
			{`["10.0.0.1"]`, []string{`"10.0.0.1"`, `"010.0.0.1"`, `"::ffff:a00:1"`}, []string{`"10.0.0.2"`, `"10.0.0.1/32"`}},
			{`["2001:db8::1"]`, []string{`"2001:0db8:0:0::1"`}, []string{`"2001:db8::2"`, `"2001:db8::1%eth0"`}},
		},
		"cidr": {
			{`[{"cidr":"10.0.0.0/24"}]`, []string{`"10.0.0.0"`, `"10.0.0.255"`, `"::ffff:a00:7"`}, []string{`"10.0.1.0"`, `"10.0.0"`, `"x"`, `10`}},
			{`[{"cidr":"10.0.0.77/25"}]`, []string{`"10.0.0.127"`}, []string{`"10.0.0.128"`}},
			{`[{"cidr":"0.0.0.0/0"}]`, []string{`"1.2.3.4"`}, []string{`"::1"`, `"1.2.3.4.5"`, `"256.0.0.1"`, `12`}},
			{`[{"cidr":"2001:db8::/32"}]`, []string{`"2001:db8:ffff::"`}, []string{`"2001:db9::"`, `"10.0.0.1"`}},
		},
	})
}

func TestMalformedCIDRIsAnError(t *testing.T) {
	t.Parallel()
	wantCompileErrors(t, []compileError{
		{`{"a":[{"cidr":"10.0.0.0"}]}`, &pattern.Error{Path: "$.a[0].cidr", Operator: "cidr", Reason: `the prefix length must be from 0 to 31, not ""`}},
		{`{"a":[{"cidr":"10.0.0.1/32"}]}`, &pattern.Error{Path: "$.a[0].cidr", Operator: "cidr", Reason: `the prefix length must be from 0 to 31, not "32"`}},
		{`{"a":[{"cidr":"::/128"}]}`, &pattern.Error{Path: "$.a[0].cidr", Operator: "cidr", Reason: `the prefix length must be from 0 to 127, not "128"`}},
		{`{"a":[{"cidr":"host/8"}]}`, &pattern.Error{Path: "$.a[0].cidr", Operator: "cidr", Reason: `"host" is not an IP address`}},
		{`{"a":[{"cidr":8}]}`, &pattern.Error{Path: "$.a[0].cidr", Operator: "cidr", Reason: "must be a string, not a number"}},
	})
}

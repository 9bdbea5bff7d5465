package policy_test

import (
	"testing"

	"github.com/meterbridge/meterbridge/verify/aws/policy"
)

func TestCallNeedsAnAllowAndNoDeny(t *testing.T) {
	t.Parallel()
	const bus = "arn:aws:events:us-east-1:1:event-bus/b"
	statement := func(text string) string { return `{"Version":"2012-10-17","Statement":[` + text + `]}` }
	allow := `{"Effect":"Allow","Action":"events:PutEvents","Resource":"` + bus + `"}`
	for name, test := range map[string]struct {
		document string
		call     policy.Call
		want     bool
	}{
		"exact":                  {statement(allow), policy.Call{Action: "events:PutEvents", Resource: bus}, true},
		"case of the action":     {statement(allow), policy.Call{Action: "Events:putevents", Resource: bus}, true},
		"other action":           {statement(allow), policy.Call{Action: "events:PutRule", Resource: bus}, false},
		"other resource":         {statement(allow), policy.Call{Action: "events:PutEvents", Resource: bus + "b"}, false},
		"deny wins":              {statement(allow + `,{"Effect":"Deny","Action":"*","Resource":"*"}`), policy.Call{Action: "events:PutEvents", Resource: bus}, false},
		"a star crosses slashes": {statement(`{"Effect":"Allow","Action":["events:*"],"Resource":["arn:*"]}`), policy.Call{Action: "events:PutRule", Resource: bus}, true},
		"brackets are literal":   {statement(`{"Effect":"Allow","Action":"a:[b]","Resource":"*"}`), policy.Call{Action: "a:b", Resource: bus}, false},
		"condition holds": {
			statement(`{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:SourceAccount":["x","y"]}}}`),
			policy.Call{Action: "a:b", Resource: bus, Context: map[string]policy.Strings{"aws:sourceaccount": {"y"}}}, true,
		},
		"case of the key": {
			statement(`{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"AWS:sourceaccount":"x"}}}`),
			policy.Call{Action: "a:b", Resource: bus, Context: map[string]policy.Strings{"aws:SourceAccount": {"x"}}}, true,
		},
		"condition fails": {
			statement(`{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:SourceAccount":"x"}}}`),
			policy.Call{Action: "a:b", Resource: bus, Context: map[string]policy.Strings{"aws:sourceaccount": {"X"}}}, false,
		},
		"condition without a value": {
			statement(`{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringLike":{"aws:SourceAccount":"*"}}}`),
			policy.Call{Action: "a:b", Resource: bus}, false,
		},
		"an ARN's wildcard ends at its part": {
			statement(`{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"ArnLike":{"aws:SourceArn":"arn:aws:events:*:rule/b/*"}}}`),
			policy.Call{Action: "a:b", Resource: bus, Context: map[string]policy.Strings{"aws:sourcearn": {"arn:aws:events:us-east-1:1:rule/b/r"}}}, false,
		},
		"a wildcard in each part of an ARN": {
			statement(`{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"ArnLike":{"aws:SourceArn":["arn:aws:sns:*:*:x","arn:*:events:*:?:rule/b/*"]}}}`),
			policy.Call{Action: "a:b", Resource: bus, Context: map[string]policy.Strings{"aws:sourcearn": {"arn:aws-cn:events:cn-north-1:1:rule/b/r:x"}}}, true,
		},
		"no ARN": {
			statement(`{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"ArnLike":{"aws:SourceArn":"*"}}}`),
			policy.Call{Action: "a:b", Resource: bus, Context: map[string]policy.Strings{"aws:sourcearn": {bus}}}, false,
		},
		"a list without values": {
			statement(`{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:SourceAccount":[]}}}`),
			policy.Call{Action: "a:b", Resource: bus, Context: map[string]policy.Strings{"aws:sourceaccount": {""}}}, false,
		},
		"principal": {
			statement(`{"Effect":"Allow","Principal":{"Service":"events.amazonaws.com"},"Action":"*","Resource":"*"}`),
			policy.Call{Service: "sns.amazonaws.com", Action: "a:b", Resource: bus}, false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			document, err := policy.Parse([]byte(test.document))
			if err != nil {
				t.Fatal(err)
			}
			got, err := policy.Allows([]*policy.Document{document}, test.call)
			if err != nil || got != test.want {
				t.Errorf("%+v under %s: %t, %v, want %t", test.call, test.document, got, err, test.want)
			}
		})
	}
}

func TestUnknownElementsAreErrors(t *testing.T) {
	t.Parallel()
	if _, err := policy.Parse([]byte(`{"Statement":[{"Effect":"Allow","NotAction":"a:b","Resource":"*"}]}`)); err == nil {
		t.Error("NotAction was accepted")
	}
	for _, statement := range []string{
		`{"Effect":"deny","Action":"*","Resource":"*"}`, `{"Action":"*","Resource":"*"}`, // a denial that is overlooked would be a permission
		`{"Effect":"Deny","Action":"*","Resource":"arn:aws:s3:::${aws:username}"}`,
		`{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:SourceAccount":"${aws:PrincipalAccount}"}}}`,
		`{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}`, `{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"*","Resource":"*"}`,
	} {
		if _, err := policy.Parse([]byte(`{"Statement":[` + statement + `]}`)); err == nil {
			t.Errorf("%s was accepted", statement)
		}
	}
	document, err := policy.Parse([]byte(`{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"NumericLessThan":{"a":"1"}}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if allowed, err := policy.Allows([]*policy.Document{document}, policy.Call{Action: "a:b", Context: map[string]policy.Strings{"a": {"0"}}}); err == nil || allowed {
		t.Errorf("unknown condition operator: %t, %v, want an error", allowed, err)
	}
}

// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html
func TestMultivaluedConditionsFollowTheirSetOperator(t *testing.T) {
	t.Parallel()
	const (
		all  = `"ForAllValues:StringEquals":{"events:source":["x","y"]}`
		some = `"ForAnyValue:StringLike":{"events:source":["x*"]}`
		set  = `"Null":{"events:source":"false"}`
	)
	for name, test := range map[string]struct {
		conditions string
		sources    policy.Strings
		want       bool
	}{
		"all of one":                        {all, policy.Strings{"x"}, true},
		"all of two":                        {all, policy.Strings{"y", "x"}, true},
		"all, the same twice":               {all, policy.Strings{"x", "x"}, true},
		"all, but one is another":           {all, policy.Strings{"x", "z"}, false},
		"all, none of them":                 {all, policy.Strings{"z"}, false},
		"all of nothing holds":              {all, nil, true},
		"all of nothing, which Null denies": {all + "," + set, nil, false},
		"all, with Null":                    {all + "," + set, policy.Strings{"x", "y"}, true},
		"some":                              {some, policy.Strings{"z", "xy"}, true},
		"some, but none is":                 {some, policy.Strings{"z", "y"}, false},
		"some of nothing":                   {some, nil, false},
		"Null true, and there is none":      {`"Null":{"events:source":"true"}`, nil, true},
		"Null true, and there is one":       {`"Null":{"events:source":"true"}`, policy.Strings{"x"}, false},
	} {
		got, err := evaluate(t, test.conditions, map[string]policy.Strings{"events:source": test.sources})
		if err != nil || got != test.want {
			t.Errorf("%s: %t, %v, want %t", name, got, err, test.want)
		}
	}
}

func TestOperatorsThatDoNotFitTheirKeyAreErrors(t *testing.T) {
	t.Parallel()
	for conditions, context := range map[string]map[string]policy.Strings{
		`"StringEquals":{"events:source":"x"}`:                  {"events:source": {"x"}},
		`"StringLike":{"events:source":"*"}`:                    {"events:source": {"x", "y"}},
		`"StringEquals":{"events:detail-type":"x"}`:             {},
		`"ForAllValues:StringEquals":{"aws:SourceAccount":"x"}`: {"aws:sourceaccount": {"x"}},
		`"StringEquals":{"aws:SourceAccount":"x"}`:              {"aws:sourceaccount": {"x", "y"}},
		`"ForNoValue:StringEquals":{"events:source":"x"}`:       {"events:source": {"x"}},
		`"ForAllValues:NumericEquals":{"events:source":"1"}`:    {"events:source": {"1"}},
		`"StringEqualsIfExists":{"aws:SourceAccount":"x"}`:      {},
		`"Null":{"events:source":"maybe"}`:                      {},
		`"Null":{"events:source":["true","false"]}`:             {},
	} {
		if allowed, err := evaluate(t, conditions, context); err == nil || allowed {
			t.Errorf("%s for %v: %t, %v, want an error", conditions, context, allowed, err)
		}
	}
}

// evaluate reports whether a statement with these conditions applies in a context.
func evaluate(t *testing.T, conditions string, context map[string]policy.Strings) (bool, error) {
	t.Helper()
	document, err := policy.Parse([]byte(`{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{` + conditions + `}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	return policy.Allows([]*policy.Document{document}, policy.Call{Action: "events:PutEvents", Resource: "bus", Context: context})
}

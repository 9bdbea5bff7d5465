package policy_test

import (
	"testing"

	"github.com/meterbridge/meterbridge/verify/aws/policy"
)

func TestAllows(t *testing.T) {
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
			statement(`{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"events:source":["x","y"]}}}`),
			policy.Call{Action: "a:b", Resource: bus, Context: map[string]string{"events:source": "y"}}, true,
		},
		"condition fails": {
			statement(`{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"events:source":"x"}}}`),
			policy.Call{Action: "a:b", Resource: bus, Context: map[string]string{"events:source": "X"}}, false,
		},
		"condition without a value": {
			statement(`{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringLike":{"events:source":"*"}}}`),
			policy.Call{Action: "a:b", Resource: bus}, false,
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
	document, err := policy.Parse([]byte(`{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"NumericLessThan":{"a":"1"}}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if allowed, err := policy.Allows([]*policy.Document{document}, policy.Call{Action: "a:b", Context: map[string]string{"a": "0"}}); err == nil || allowed {
		t.Errorf("unknown condition operator: %t, %v, want an error", allowed, err)
	}
}

package pattern_test

import (
	"testing"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/eventbridge/pattern"
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

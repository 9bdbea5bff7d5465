package pattern_test

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestFieldsMatchByPathAndArrayElement(t *testing.T) {
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

func decode(t *testing.T, s string) map[string]any {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(s))
	dec.UseNumber()
	var v map[string]any
	if err := dec.Decode(&v); err != nil {
		t.Fatalf("decode %s: %v", s, err)
	}
	return v
}

func TestMatchAgreesWithTheSecondEvaluator(t *testing.T) {
	t.Parallel()
	g := generator{rand.New(rand.NewPCG(2026, 11))}
	matched := 0
	for i := range 20_000 {
		p, event := g.pattern(g.IntN(3), fields), g.event(g.IntN(4))
		if i%4 == 0 {
			p = g.patternWithOr()
		}
		want := slices.ContainsFunc(views(decode(t, event), ""), func(v view) bool { return v.meets(decode(t, p), "") })
		if got := match(t, p, event); got != want {
			t.Fatalf("match(%s, %s) = %t, the second evaluator says %t", p, event, got, want)
		}
		if want {
			matched++
		}
	}
	if matched < 1000 {
		t.Errorf("only %d of 20,000 pairs match, too few for the comparison to mean much", matched)
	}
}

// TestArrayMatchesIfOneOfItsValuesDoes and the tests after it do not need the second evaluator:
// they compare the answers of this package with each other.
func TestArrayMatchesIfOneOfItsValuesDoes(t *testing.T) {
	t.Parallel()
	g := generator{rand.New(rand.NewPCG(1, 2))}
	for range 5_000 {
		p, x, y := `{"a":`+g.leaf()+`}`, g.scalar(), g.scalar()
		want := match(t, p, `{"a":`+x+`}`) || match(t, p, `{"a":`+y+`}`)
		if got := match(t, p, `{"a":[`+x+`,`+y+`]}`); got != want {
			t.Fatalf("%s on [%s,%s] = %t, on either alone %t", p, x, y, got, want)
		}
	}
}

func TestOrMatchesIfEitherObjectDoes(t *testing.T) {
	t.Parallel()
	g := generator{rand.New(rand.NewPCG(3, 4))}
	for range 5_000 {
		p, q, event := g.pattern(2, fields), g.pattern(2, fields), g.event(3)
		want := match(t, p, event) || match(t, q, event)
		if got := match(t, `{"$or":[`+p+`,`+q+`]}`, event); got != want {
			t.Fatalf("$or of %s and %s on %s = %t, want %t", p, q, event, got, want)
		}
	}
}

func TestExistsFalseIsTheOppositeOfExistsTrue(t *testing.T) {
	t.Parallel()
	g := generator{rand.New(rand.NewPCG(5, 6))}
	for range 5_000 {
		event := g.event(3)
		present := match(t, `{"a":{"b":[{"exists":true}]}}`, event)
		if absent := match(t, `{"a":{"b":[{"exists":false}]}}`, event); absent == present {
			t.Fatalf("on %s both exists:true and exists:false are %t", event, present)
		}
	}
}

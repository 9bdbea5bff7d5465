package pattern_test

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

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

func TestSecondEvaluatorAgrees(t *testing.T) {
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
		t.Errorf("only %d of 20,000 pairs match: the generator has become useless", matched)
	}
}

// TestAnArrayOffersEachOfItsValues and the tests after it need no evaluator: they relate answers to one another.
func TestAnArrayOffersEachOfItsValues(t *testing.T) {
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

func TestOrIsEither(t *testing.T) {
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

func TestExistsFalseIsNotExistsTrue(t *testing.T) {
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

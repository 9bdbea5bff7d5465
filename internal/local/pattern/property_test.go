package pattern_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"math/rand/v2"
	"net"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The properties below compare the package with a second evaluator that works the other way round: it lists every way of
// picking one element from each array of the event and asks whether a pick exists in which all fields match. It covers
// what is the same whatever order fields are tried in, so not exists:false, and ASCII only.

var (
	words    = []string{`""`, `"a"`, `"ab"`, `"AB"`, `"abc"`, `"b*"`, `"10.0.0.7"`, `"192.168.0.1"`, `"5"`}
	numbers  = []string{`0`, `-0.0`, `5`, `5.0`, `50e-1`, `-1.5`, `4999999999`, `0.000001`}
	literals = []string{`null`, `true`, `false`}
	fields   = []string{"a", "b", "c"}
)

type generator struct{ *rand.Rand }

func (g generator) pick(from []string) string { return from[g.IntN(len(from))] }

func (g generator) scalar() string {
	return g.pick([][]string{words, words, numbers, literals}[g.IntN(4)])
}

func (g generator) event(depth int) string {
	members := make([]string, 1+g.IntN(3))
	for i, key := range g.Perm(len(fields))[:len(members)] {
		members[i] = fmt.Sprintf("%q:%s", fields[key], g.value(depth))
	}
	return "{" + strings.Join(members, ",") + "}"
}

func (g generator) value(depth int) string {
	switch n := g.IntN(10); {
	case depth > 0 && n < 3:
		return g.event(depth - 1)
	case depth > 0 && n < 7:
		members := make([]string, g.IntN(4))
		for i := range members {
			members[i] = g.value(depth - 1)
		}
		return "[" + strings.Join(members, ",") + "]"
	default:
		return g.scalar()
	}
}

// pattern keeps the fields inside $or apart from those beside it, because a path given twice counts once.
func (g generator) pattern(depth int, names []string) string {
	var members []string
	for _, name := range names[:1+g.IntN(min(2, len(names)))] {
		if depth > 0 && g.IntN(2) == 0 {
			members = append(members, fmt.Sprintf("%q:%s", name, g.pattern(depth-1, fields)))
		} else {
			members = append(members, fmt.Sprintf("%q:%s", name, g.leaf()))
		}
	}
	return "{" + strings.Join(members, ",") + "}"
}

func (g generator) patternWithOr() string {
	return fmt.Sprintf(`{"a":%s,"$or":[%s,%s]}`, g.leaf(), g.pattern(1, fields[1:]), g.pattern(1, fields[2:]))
}

func (g generator) leaf() string {
	members := make([]string, 1+g.IntN(3))
	for i := range members {
		if members[i] = g.scalar(); g.IntN(2) == 0 {
			members[i] = g.operator()
		}
	}
	return "[" + strings.Join(members, ",") + "]"
}

func (g generator) operator() string {
	word, number := g.pick(words[1:]), g.pick(numbers)
	return g.pick([]string{
		`{"prefix":` + word + `}`, `{"suffix":` + word + `}`, `{"equals-ignore-case":` + word + `}`,
		`{"prefix":{"equals-ignore-case":` + word + `}}`, `{"suffix":{"equals-ignore-case":` + word + `}}`,
		`{"wildcard":"a*"}`, `{"wildcard":"*b*"}`, `{"wildcard":"b\\*"}`, `{"wildcard":"*.*.*.7"}`,
		`{"anything-but":` + word + `}`, `{"anything-but":[` + word + `,"x"]}`, `{"anything-but":[` + number + `,7]}`,
		`{"anything-but":{"prefix":` + word + `}}`, `{"anything-but":{"suffix":["b",` + word + `]}}`,
		`{"anything-but":{"equals-ignore-case":["z",` + word + `]}}`, `{"anything-but":{"wildcard":["*b","b\\*"]}}`,
		`{"numeric":["=",` + number + `]}`, `{"numeric":["<",` + number + `]}`, `{"numeric":[">=",` + number + `]}`,
		`{"numeric":[">",-2,"<=",` + g.pick(numbers[:5]) + `]}`,
		`{"cidr":"10.0.0.0/29"}`, `{"cidr":"192.0.0.0/8"}`, `{"exists":true}`,
	})
}

// view is the values at each path after one element was picked from every array.
type view map[string][]any

func views(v any, path string) []view {
	switch v := v.(type) {
	case map[string]any:
		all := []view{{}}
		for key, member := range v {
			all = product(all, views(member, strings.TrimPrefix(path+"."+key, ".")))
		}
		return all
	case []any:
		free, picks := view{}, []view(nil)
		for _, member := range v {
			switch member.(type) {
			case map[string]any, []any:
				picks = append(picks, views(member, path)...)
			default:
				free[path] = append(free[path], member)
			}
		}
		if picks == nil {
			return []view{free}
		}
		return product([]view{free}, picks)
	default:
		return []view{{path: {v}}}
	}
}

func product(left, right []view) []view {
	var all []view
	for _, l := range left {
		for _, r := range right {
			both := maps.Clone(l)
			for path, values := range r {
				both[path] = slices.Concat(both[path], values)
			}
			all = append(all, both)
		}
	}
	return all
}

func (v view) meets(pattern map[string]any, path string) bool {
	for key, want := range pattern {
		at := strings.TrimPrefix(path+"."+key, ".")
		met := false
		switch want := want.(type) {
		case map[string]any:
			met = v.meets(want, at)
		case []any:
			if key == "$or" {
				met = slices.ContainsFunc(want, func(p any) bool { return v.meets(p.(map[string]any), path) })
			} else {
				met = slices.ContainsFunc(v[at], func(got any) bool { return slow(want, got) })
			}
		}
		if !met {
			return false
		}
	}
	return true
}

// slow reports whether one of the wanted values or operators takes the value.
func slow(wanted []any, got any) bool {
	return slices.ContainsFunc(wanted, func(want any) bool {
		operators, ok := want.(map[string]any)
		if !ok {
			return same(want, got)
		}
		for name, argument := range operators {
			return apply(name, argument, got)
		}
		return false
	})
}

func same(want, got any) bool {
	w, okW := want.(json.Number)
	g, okG := got.(json.Number)
	if okW && okG {
		return rational(w).Cmp(rational(g)) == 0
	}
	return want == got
}

func rational(n json.Number) *big.Rat {
	r, _ := new(big.Rat).SetString(n.String())
	return r
}

func apply(name string, argument, got any) bool {
	switch name {
	case "exists":
		return true
	case "anything-but":
		return !excluded(argument, got)
	case "numeric":
		n, ok := got.(json.Number)
		return ok && inRange(argument.([]any), rational(n))
	}
	s, ok := got.(string)
	if !ok {
		return false
	}
	if name == "cidr" {
		_, block, _ := net.ParseCIDR(argument.(string))
		return block.Contains(net.ParseIP(s))
	}
	return regexp.MustCompile(expression(name, argument)).MatchString(s)
}

func excluded(argument, got any) bool {
	switch a := argument.(type) {
	case []any:
		return slow(a, got)
	case map[string]any:
		for name, inner := range a {
			list, ok := inner.([]any)
			if !ok {
				list = []any{inner}
			}
			return slices.ContainsFunc(list, func(each any) bool { return apply(name, each, got) })
		}
	}
	return same(argument, got)
}

func inRange(comparisons []any, n *big.Rat) bool {
	for i := 0; i < len(comparisons); i += 2 {
		sign := n.Cmp(rational(comparisons[i+1].(json.Number)))
		wanted := map[string][]int{"=": {0}, "<": {-1}, "<=": {-1, 0}, ">": {1}, ">=": {0, 1}}[comparisons[i].(string)]
		if !slices.Contains(wanted, sign) {
			return false
		}
	}
	return true
}

// expression writes a string operator as a regular expression.
func expression(name string, argument any) string {
	flags := "(?s)"
	if inner, ok := argument.(map[string]any); ok {
		flags, argument = "(?si)", inner["equals-ignore-case"]
	}
	quoted := regexp.QuoteMeta(argument.(string))
	switch name {
	case "prefix":
		return flags + "^" + quoted
	case "suffix":
		return flags + quoted + "$"
	case "equals-ignore-case":
		return "(?si)^" + quoted + "$"
	default: // wildcard: QuoteMeta turned * into \* and \* into \\\*
		return flags + "^" + strings.NewReplacer(`\\\*`, `\*`, `\*`, `.*`).Replace(quoted) + "$"
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

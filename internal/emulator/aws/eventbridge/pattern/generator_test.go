package pattern_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

var (
	words    = []string{`""`, `"a"`, `"ab"`, `"AB"`, `"abc"`, `"b*"`, `"10.0.0.7"`, `"192.168.0.1"`, `"5"`}
	numbers  = []string{`0`, `-0.0`, `5`, `5.0`, `50e-1`, `-1.5`, `4999999999`, `0.000001`}
	literals = []string{`null`, `true`, `false`}
	fields   = []string{"a", "b", "c"}
)

// generator generates random patterns and events.
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

// patternWithOr uses different fields inside and outside $or, because if a path is given twice only
// the last one counts.
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

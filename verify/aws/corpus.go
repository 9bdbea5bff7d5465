package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
)

// The seeds of the corpus. Another pair of seeds is another corpus; its hash is in the evidence.
const seed1, seed2 = 2026, 1122

// pair is a pattern and an event, as JSON texts.
type pair struct {
	Pattern string `json:"pattern"`
	Event   string `json:"event"`
}

// corpus makes pairs from few names and few values, so that they meet often.
type corpus struct{ *rand.Rand }

func newCorpus(n int) []pair {
	c := corpus{rand.New(rand.NewPCG(seed1, seed2))}
	all := make([]pair, n)
	for i := range all {
		depth := c.IntN(3)
		all[i] = pair{c.pattern(depth), c.object(depth + c.IntN(2))}
	}
	return all
}

func pick[T any](c corpus, from []T) T { return from[c.IntN(len(from))] }

var (
	names = []string{"a", "b", "detail-type", "é"}
	texts = []string{
		"", "a", "A", "ab", "aB", "abc", "ba", "aab", "a*b", "é", "É", "ß", "ẞ", "ſ", "\u212a", "😀", "a😀b", "\u0000", "a\"b", `a\b`, "a/b", "null", "true", "1", "1.0",
		"10.0.0.1", "10.0.0.255", "10.1.0.0", "::1", "2001:db8::ff00", "2001:0db8:0:0:0:0:0:ff00", "stripe.thin", "stripe.event", "v1.billing.meter.no_meter_found",
	}
	numbers = []string{
		"0", "-0", "1", "1.0", "1e0", "10e-1", "-1", "2", "2.5", "-2.5", "3", "300", "3.0e2", "100000", "0.1", "0.10", "0.000001", "1e-7",
		"4999999999.999999", "5000000000", "-5000000000", "5000000001", "1e10", "123456789.123456", "9007199254740993", "12345678901234567890", "1e400",
	}
	ascending = []string{"-5000000000", "-2.5", "-1e0", "0", "0.000001", "0.1", "1.0", "2.5", "3", "3.0e2", "4999999999.999999", "5000000000", "1e10"}
	wildcards = []string{"*", "a*", "*b", "a*b", "*a*", `a\\*b`, "*😀*", "stripe.*", "*.meter.*"}
	cidrs     = []string{"10.0.0.0/24", "10.0.0.0/8", "0.0.0.0/0", "2001:db8::/32", "::/0"}
	bounds    = []string{"=", "<", "<=", ">", ">="}
)

// object is an event, or an object in it.
func (c corpus) object(depth int) string {
	return c.members(1+c.IntN(4), func() string { return c.value(depth) })
}

// members joins n members with random names; a name may come twice.
func (c corpus) members(n int, value func() string) string {
	all := make([]string, n)
	for i := range all {
		all[i] = quote(pick(c, names)) + ":" + value()
	}
	return "{" + strings.Join(all, ",") + "}"
}

func (c corpus) value(depth int) string {
	switch kind := c.IntN(10); {
	case depth > 0 && kind < 4:
		return c.object(depth - 1)
	case depth > 0 && kind < 6:
		elements := make([]string, c.IntN(4))
		for i := range elements {
			elements[i] = c.value(depth - 1)
		}
		return "[" + strings.Join(elements, ",") + "]"
	}
	return c.scalar()
}

func (c corpus) scalar() string {
	switch c.IntN(8) {
	case 0:
		return pick(c, []string{"null", "true", "false"})
	case 1, 2, 3:
		return pick(c, numbers)
	}
	return quote(pick(c, texts))
}

// pattern is a pattern, or an object in one.
func (c corpus) pattern(depth int) string {
	if c.IntN(8) == 0 {
		return `{"$or":[` + c.pattern(depth) + "," + c.pattern(depth) + "]}"
	}
	used := map[string]bool{} // a name that comes twice is a fault in a pattern
	var all []string
	for range 1 + c.IntN(2) {
		name := pick(c, names)
		if used[name] {
			continue
		}
		used[name] = true
		value := c.leaf()
		if depth > 0 && c.IntN(2) == 0 {
			value = c.pattern(depth - 1)
		}
		all = append(all, quote(name)+":"+value)
	}
	return "{" + strings.Join(all, ",") + "}"
}

// leaf is the list of what a field may be.
func (c corpus) leaf() string {
	all := make([]string, 1+c.IntN(2))
	for i := range all {
		all[i] = c.operator()
	}
	return "[" + strings.Join(all, ",") + "]"
}

func (c corpus) operator() string {
	if c.IntN(60) == 0 {
		return c.fault()
	}
	text := quote(pick(c, texts))
	switch c.IntN(13) {
	case 0, 1, 2:
		return c.scalar()
	case 3:
		return `{"exists":` + pick(c, []string{"true", "false"}) + `}`
	case 4:
		return `{"prefix":` + c.caseless(text) + `}`
	case 5:
		return `{"suffix":` + c.caseless(text) + `}`
	case 6:
		return `{"equals-ignore-case":` + text + `}`
	case 7:
		return `{"wildcard":"` + pick(c, wildcards) + `"}`
	case 8:
		return `{"cidr":"` + pick(c, cidrs) + `"}`
	case 9, 10:
		return `{"numeric":[` + c.numeric() + `]}`
	}
	return `{"anything-but":` + c.anythingBut() + `}`
}

func (c corpus) caseless(text string) string {
	if c.IntN(3) == 0 {
		return `{"equals-ignore-case":` + text + `}`
	}
	return text
}

func (c corpus) numeric() string {
	if c.IntN(2) == 0 {
		return quote(pick(c, bounds)) + "," + pick(c, ascending)
	}
	lower := c.IntN(len(ascending) - 1)
	upper := lower + 1 + c.IntN(len(ascending)-lower-1)
	return fmt.Sprintf(`%q,%s,%q,%s`, pick(c, []string{">", ">="}), ascending[lower], pick(c, []string{"<", "<="}), ascending[upper])
}

func (c corpus) anythingBut() string {
	text, other := quote(pick(c, texts)), quote(pick(c, texts))
	list := "[" + text + "," + other + "]"
	switch c.IntN(9) {
	case 0:
		return text
	case 1:
		return list
	case 2:
		return pick(c, numbers)
	case 3:
		return "[" + pick(c, numbers) + "," + pick(c, numbers) + "]"
	case 4:
		return `{"prefix":` + pick(c, []string{text, list}) + `}`
	case 5:
		return `{"suffix":` + pick(c, []string{text, list}) + `}`
	case 6:
		return `{"equals-ignore-case":` + pick(c, []string{text, list}) + `}`
	case 7:
		return `{"wildcard":"` + pick(c, wildcards) + `"}`
	}
	return "[" + text + "," + pick(c, numbers) + "]"
}

// fault is something that is no operator, or not with this operand.
func (c corpus) fault() string {
	return pick(c, []string{
		`{"exists":"true"}`, `{"prefix":1}`, `{"suffix":null}`, `{"numeric":["<"]}`, `{"numeric":["<",1,"<",2]}`, `{"numeric":["!",1]}`, `{"cidr":"10.0.0.0"}`,
		`{"cidr":"10.0.0.0/33"}`, `{"wildcard":"a**b"}`, `{"wildcard":1}`, `{"anything-but":null}`, `{"anything-but":[]}`, `{"unknown":"a"}`, `{}`, `[]`,
		`{"prefix":"a","suffix":"b"}`, `{"equals-ignore-case":1}`, `{"anything-but":{"exists":true}}`,
	})
}

// quote spells a string as JSON.
func quote(s string) string {
	quoted, err := json.Marshal(s)
	if err != nil {
		panic(err) // no string fails
	}
	return string(quoted)
}

package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// The seeds of the corpus. Changing them changes its hash in the evidence.
const seed1, seed2 = 2026, 1122

type pair struct {
	Pattern string `json:"pattern"`
	Event   string `json:"event"`
}

// corpus generates pairs from few names and values, and records those that would match.
type corpus struct {
	*rand.Rand
	path   []string // of the field whose pattern is being generated
	likely []field
}

type field struct {
	path  []string
	value string
}

func newCorpus(n int) []pair {
	c := &corpus{Rand: rand.New(rand.NewPCG(seed1, seed2))}
	all := make([]pair, n)
	for i := range all {
		c.likely = nil
		depth := c.IntN(3)
		all[i].Pattern = c.pattern(depth)
		if all[i].Event = c.object(depth + c.IntN(2)); c.IntN(3) > 0 {
			all[i].Event = c.matching()
		}
	}
	return all
}

// matching returns an event with most of the values that the pattern wants, some twice.
func (c *corpus) matching() string {
	all := []string{quote("other") + ":" + c.scalar()}
	for _, f := range c.likely {
		value := f.value
		switch c.IntN(8) {
		case 0:
			continue
		case 1:
			value = "[" + c.scalar() + "," + value + "]"
		}
		for _, name := range slices.Backward(f.path[1:]) {
			value = "{" + quote(name) + ":" + value + "}"
		}
		all = append(all, quote(f.path[0])+":"+value)
	}
	return "{" + strings.Join(all, ",") + "}"
}

func pick[T any](c *corpus, from []T) T { return from[c.IntN(len(from))] }

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
	ascending = []string{"-5000000000", "-2.5", "-1e0", "0", "0.000001", "0.1", "1.0", "2.5", "3", "3.0e2", "4999999999.999999", "5000000000"}
	wildcards = []string{"*", "a*", "*b", "a*b", "*a*", `a\\*b`, "*😀*", "stripe.*", "*.meter.*"}
	cidrs     = []string{"10.0.0.0/24", "10.0.0.0/8", "0.0.0.0/0", "2001:db8::/32", "::/0"}
	bounds    = []string{"=", "<", "<=", ">", ">="}
)

func (c *corpus) object(depth int) string {
	return c.members(1+c.IntN(4), func() string { return c.value(depth) })
}

// members joins n members with random names, which may repeat.
func (c *corpus) members(n int, value func() string) string {
	all := make([]string, n)
	for i := range all {
		all[i] = quote(pick(c, names)) + ":" + value()
	}
	return "{" + strings.Join(all, ",") + "}"
}

func (c *corpus) value(depth int) string {
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

func (c *corpus) scalar() string {
	switch c.IntN(8) {
	case 0:
		return pick(c, []string{"null", "true", "false"})
	case 1, 2, 3:
		return pick(c, numbers)
	}
	return quote(pick(c, texts))
}

func (c *corpus) pattern(depth int) string {
	if c.IntN(8) == 0 {
		return `{"$or":[` + c.pattern(depth) + "," + c.pattern(depth) + "]}"
	}
	used := map[string]bool{} // a pattern must not repeat a name
	var all []string
	for range 1 + c.IntN(2) {
		name := pick(c, names)
		if used[name] {
			continue
		}
		used[name] = true
		c.path = append(c.path, name)
		value := c.leaf()
		if depth > 0 && c.IntN(2) == 0 {
			value = c.pattern(depth - 1)
		}
		c.path = c.path[:len(c.path)-1]
		all = append(all, quote(name)+":"+value)
	}
	return "{" + strings.Join(all, ",") + "}"
}

func (c *corpus) leaf() string {
	all := make([]string, 1+c.IntN(2))
	for i := range all {
		var value string
		if all[i], value = c.operator(); i == 0 {
			c.likely = append(c.likely, field{slices.Clone(c.path), value})
		}
	}
	return "[" + strings.Join(all, ",") + "]"
}

// operator returns a condition, and a value that should meet it.
func (c *corpus) operator() (condition, value string) {
	if c.IntN(60) == 0 {
		return c.fault(), c.scalar()
	}
	text := pick(c, texts)
	switch c.IntN(13) {
	case 0, 1, 2:
		value = c.scalar()
		return value, value
	case 3:
		return `{"exists":` + pick(c, []string{"true", "false"}) + `}`, c.scalar()
	case 4:
		return `{"prefix":` + c.caseless(quote(text)) + `}`, quote(text + "a")
	case 5:
		return `{"suffix":` + c.caseless(quote(text)) + `}`, quote("a" + text)
	case 6:
		return `{"equals-ignore-case":` + quote(text) + `}`, quote(strings.ToUpper(text))
	case 7:
		wildcard := pick(c, wildcards)
		return `{"wildcard":"` + wildcard + `"}`, `"` + strings.ReplaceAll(wildcard, "*", pick(c, []string{"", "a", "ab"})) + `"`
	case 8:
		return `{"cidr":"` + pick(c, cidrs) + `"}`, quote(pick(c, []string{"10.0.0.7", "10.9.9.9", "2001:db8::7"}))
	case 9, 10:
		return `{"numeric":[` + c.numeric() + `]}`, pick(c, numbers)
	}
	return `{"anything-but":` + c.anythingBut() + `}`, c.scalar()
}

func (c *corpus) caseless(text string) string {
	if c.IntN(3) == 0 {
		return `{"equals-ignore-case":` + text + `}`
	}
	return text
}

func (c *corpus) numeric() string {
	if c.IntN(2) == 0 {
		return quote(pick(c, bounds)) + "," + pick(c, ascending)
	}
	lower := c.IntN(len(ascending) - 1)
	upper := lower + 1 + c.IntN(len(ascending)-lower-1)
	return fmt.Sprintf(`%q,%s,%q,%s`, pick(c, []string{">", ">="}), ascending[lower], pick(c, []string{"<", "<="}), ascending[upper])
}

func (c *corpus) anythingBut() string {
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

// fault returns a condition that EventBridge refuses: an unknown operator, or a wrong operand.
func (c *corpus) fault() string {
	return pick(c, []string{
		`{"numeric":["<",1e10]}`, `{"numeric":["=",0.0000001]}`, `{"exists":"true"}`, `{"prefix":1}`, `{"suffix":null}`, `{"numeric":["<"]}`, `{"numeric":["<",1,"<",2]}`, `{"numeric":["!",1]}`, `{"cidr":"10.0.0.0"}`,
		`{"cidr":"10.0.0.0/33"}`, `{"wildcard":"a**b"}`, `{"wildcard":1}`, `{"anything-but":null}`, `{"anything-but":[]}`, `{"unknown":"a"}`, `{}`, `[]`,
		`{"prefix":"a","suffix":"b"}`, `{"equals-ignore-case":1}`, `{"anything-but":{"exists":true}}`,
	})
}

func quote(s string) string {
	quoted, err := json.Marshal(s)
	if err != nil {
		panic(err) // cannot happen: every string can be encoded
	}
	return string(quoted)
}

package pattern_test

import (
	"encoding/json"
	"maps"
	"math/big"
	"net"
	"regexp"
	"slices"
	"strings"
)

// view contains the values at each path of an event, with one element chosen from every array.
//
// The second evaluator is written differently from the package: it lists all views of an event and
// checks whether every field matches in one of them. It supports ASCII only, and not exists:false,
// whose result depends on the order in which fields are matched.
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
				met = slices.ContainsFunc(v[at], func(got any) bool { return matchesAny(want, got) })
			}
		}
		if !met {
			return false
		}
	}
	return true
}

// matchesAny reports whether one of the wanted values or operators matches the value.
func matchesAny(wanted []any, got any) bool {
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
	return regexp.MustCompile(regularExpression(name, argument)).MatchString(s)
}

func excluded(argument, got any) bool {
	switch a := argument.(type) {
	case []any:
		return matchesAny(a, got)
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

// regularExpression translates a string operator.
func regularExpression(name string, argument any) string {
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
	default: // wildcard, in which QuoteMeta has turned * into \* and \* into \\\*
		return flags + "^" + strings.NewReplacer(`\\\*`, `\*`, `\*`, `.*`).Replace(quoted) + "$"
	}
}

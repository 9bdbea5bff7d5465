package pattern

import (
	"slices"
	"strings"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
)

func onStrings(accept func(s string) bool) matcher {
	return func(v eventValue) bool { return v.kind == stringKind && accept(v.text) }
}

func exactly(o operand) (matcher, error) {
	return o.onStrings(func(want string) func(string) bool {
		return func(s string) bool { return s == want }
	})
}

func equalsIgnoreCase(o operand) (matcher, error) {
	return o.onStrings(func(want string) func(string) bool { return foldCase(want).equals })
}

// affix compiles prefix and suffix, with a string or {"equals-ignore-case": "x"}.
func affix(o operand) (matcher, error) {
	ignoreCase := o.kind == objectKind
	argument := o
	if ignoreCase {
		var err error
		if argument, err = o.inner(); err != nil {
			return nil, err
		}
		if argument.operator != "equals-ignore-case" {
			return nil, argument.errorf("%s can contain only equals-ignore-case", o.operator)
		}
	}
	return argument.onStrings(func(want string) func(string) bool { return affixFunc(o.operator, want, ignoreCase) })
}

func affixFunc(operator, want string, ignoreCase bool) func(string) bool {
	switch {
	case operator == "prefix" && ignoreCase:
		return foldCase(want).isPrefix
	case operator == "prefix":
		return func(s string) bool { return strings.HasPrefix(s, want) }
	case ignoreCase:
		return foldCase(want).isSuffix
	default:
		return func(s string) bool { return strings.HasSuffix(s, want) }
	}
}

// folded is a string for case-insensitive comparison: for each character, the spellings that match
// it.
//
// As in event-ruler, the characters of the pattern are mapped one by one and those of the event are
// not mapped: "ß" in a pattern matches "ß" and "SS", but "ss" in a pattern does not match "ß".
type folded []caseForms

type caseForms struct{ lower, upper string }

func foldCase(s string) folded {
	lower, upper := cases.Lower(language.Und), cases.Upper(language.Und)
	f := make(folded, 0, len(s))
	for _, r := range s {
		if r > 0xFFFF {
			// event-ruler maps UTF-16 units: each surrogate becomes a question mark.
			f = append(f, caseForms{"?", "?"}, caseForms{"?", "?"})
			continue
		}
		f = append(f, caseForms{lower.String(string(r)), upper.String(string(r))})
	}
	return f
}

func (f folded) equals(s string) bool {
	rest, ok := f.cutPrefix(s)
	return ok && rest == ""
}

func (f folded) isPrefix(s string) bool {
	_, ok := f.cutPrefix(s)
	return ok
}

// cutPrefix needs no backtracking: neither spelling of a character is a prefix of the other.
func (f folded) cutPrefix(s string) (rest string, ok bool) {
	for _, c := range f {
		if s, ok = c.cut(s, strings.CutPrefix); !ok {
			return s, false
		}
	}
	return s, true
}

func (f folded) isSuffix(s string) bool {
	for _, c := range slices.Backward(f) {
		var ok bool
		if s, ok = c.cut(s, strings.CutSuffix); !ok {
			return false
		}
	}
	return true
}

func (c caseForms) cut(s string, cut func(s, affix string) (string, bool)) (string, bool) {
	if rest, ok := cut(s, c.lower); ok {
		return rest, true
	}
	return cut(s, c.upper)
}

// wildcard compiles a string in which * means any text, \* an asterisk and \\ a backslash.
func wildcard(o operand) (matcher, error) {
	s, err := o.stringValue()
	if err != nil {
		return nil, err
	}
	parts, err := splitWildcard(o, s)
	if err != nil {
		return nil, err
	}
	return onStrings(func(s string) bool { return matchParts(parts, s) }), nil
}

// splitWildcard returns the literal parts between the wildcards, unescaped.
func splitWildcard(o operand, s string) ([]string, error) {
	var parts []string
	var part strings.Builder
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '*':
			if strings.HasPrefix(s[i+1:], "*") {
				return nil, o.errorf("two wildcards in a row at byte %d", i)
			}
			parts = append(parts, part.String())
			part.Reset()
		case '\\':
			i++
			if i == len(s) || s[i] != '*' && s[i] != '\\' {
				return nil, o.errorf(`the backslash at byte %d must be followed by * or \`, i-1)
			}
			part.WriteByte(s[i])
		default:
			part.WriteByte(s[i])
		}
	}
	return append(parts, part.String()), nil
}

// matchParts matches each part at its first occurrence, which leaves the most text for the others.
func matchParts(parts []string, s string) bool {
	last := len(parts) - 1
	if last == 0 {
		return s == parts[0]
	}
	s, ok := strings.CutPrefix(s, parts[0])
	if !ok {
		return false
	}
	for _, part := range parts[1:last] {
		if _, s, ok = strings.Cut(s, part); !ok {
			return false
		}
	}
	return strings.HasSuffix(s, parts[last])
}

package pattern

import (
	"strings"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
)

// folded is a string to be compared without regard to case: for each character the spellings that pass.
//
// As in event-ruler, the pattern's characters are mapped one by one and the event's are not: "ß" in a pattern passes "ß"
// and "SS", "ss" in a pattern does not pass "ß".
type folded []spelling

type spelling struct{ lower, upper string }

func fold(s string) folded {
	lower, upper := cases.Lower(language.Und), cases.Upper(language.Und)
	f := make(folded, 0, len(s))
	for _, r := range s {
		if r > 0xFFFF {
			// event-ruler maps UTF-16 units, and half a surrogate pair becomes a question mark.
			f = append(f, spelling{"?", "?"}, spelling{"?", "?"})
			continue
		}
		f = append(f, spelling{lower.String(string(r)), upper.String(string(r))})
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

// cutPrefix needs no backtracking: no character's upper spelling begins with its lower one, or the other way round.
func (f folded) cutPrefix(s string) (rest string, ok bool) {
	for _, c := range f {
		after, ok := strings.CutPrefix(s, c.lower)
		if !ok {
			if after, ok = strings.CutPrefix(s, c.upper); !ok {
				return s, false
			}
		}
		s = after
	}
	return s, true
}

func (f folded) isSuffix(s string) bool {
	for i := len(f) - 1; i >= 0; i-- {
		before, ok := strings.CutSuffix(s, f[i].lower)
		if !ok {
			if before, ok = strings.CutSuffix(s, f[i].upper); !ok {
				return false
			}
		}
		s = before
	}
	return true
}

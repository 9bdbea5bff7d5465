package pattern

import "strings"

// wildcard compiles a pattern in which * stands for any run of characters, \* for an asterisk and \\ for a backslash.
func wildcard(o operand) (test, error) {
	s, err := o.string()
	if err != nil {
		return nil, err
	}
	parts, err := splitWildcard(o, s)
	if err != nil {
		return nil, err
	}
	return onStrings(func(s string) bool { return matchParts(parts, s) }), nil
}

// splitWildcard returns the literal parts between the asterisks, without their escapes.
func splitWildcard(o operand, s string) ([]string, error) {
	var parts []string
	var part strings.Builder
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '*':
			if strings.HasPrefix(s[i+1:], "*") {
				return nil, o.errorf("consecutive wildcards at byte %d", i)
			}
			parts = append(parts, part.String())
			part.Reset()
		case '\\':
			i++
			if i == len(s) || s[i] != '*' && s[i] != '\\' {
				return nil, o.errorf(`a backslash at byte %d escapes neither * nor \`, i-1)
			}
			part.WriteByte(s[i])
		default:
			part.WriteByte(s[i])
		}
	}
	return append(parts, part.String()), nil
}

// matchParts takes each part at its first place, which leaves the most room for the ones after it.
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

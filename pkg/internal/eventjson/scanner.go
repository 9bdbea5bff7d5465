package eventjson

import (
	"fmt"
	"slices"
)

// Reasons other than [ErrSyntax] for which a scanner stops.
const (
	invalid   = "invalid JSON"
	tooDeep   = "nested too deep"
	nameTwice = "a name occurs twice in one object"
)

// scanner checks a document in one pass and collects the members of its root. A method that reads
// something returns the index after it, or -1 with the reason in problem. The names are in an array
// rather than a slice so that the scanner stays on the stack.
type scanner struct {
	text    string
	root    *Reader
	problem string
	names   [48]string // of the open objects, the outermost first
	count   int        // number of names in use
}

// fail keeps the reason and returns -1.
func (s *scanner) fail(problem string) int {
	s.problem = problem
	return -1
}

// at returns the byte at i, or 0 at the end; a 0 byte is never valid JSON.
func (s *scanner) at(i int) byte {
	if i < len(s.text) {
		return s.text[i]
	}
	return 0
}

// document reads a whole document, which must be an object.
func (s *scanner) document() error {
	start := skipSpace(s.text, 0)
	end := s.value(start, 1)
	switch {
	case end < 0:
		return fmt.Errorf("%w: %s", ErrSyntax, s.problem)
	case skipSpace(s.text, end) != len(s.text):
		return fmt.Errorf("%w: %s", ErrSyntax, invalid)
	case s.text[start] != '{':
		return fmt.Errorf("%w: %s at the top level", ErrSyntax, kindOf(s.text[start:]))
	}
	return nil
}

// value reads any value; depth counts the objects and arrays around it, itself included.
func (s *scanner) value(i, depth int) int {
	switch c := s.at(i); {
	case c == '"':
		return s.string(i)
	case c == '{' && depth <= MaxDepth:
		return s.object(i, depth)
	case c == '[' && depth <= MaxDepth:
		return s.array(i, depth)
	case c == '{' || c == '[':
		return s.fail(tooDeep)
	case c == 't':
		return s.literal(i, "true")
	case c == 'f':
		return s.literal(i, "false")
	case c == 'n':
		return s.literal(i, "null")
	}
	return s.number(i)
}

func (s *scanner) object(i, depth int) int {
	outer := s.count
	var many map[string]struct{} // made for objects with very many names
	i = skipSpace(s.text, i+1)
	if s.at(i) == '}' {
		return i + 1
	}
	for {
		if s.at(i) != '"' {
			return s.fail(invalid)
		}
		end := s.string(i)
		if end < 0 {
			return end
		}
		name := unquote(s.text[i:end])
		if many = s.addName(name, outer, many); s.problem != "" {
			return -1
		}
		if i = skipSpace(s.text, end); s.at(i) != ':' {
			return s.fail(invalid)
		}
		start := skipSpace(s.text, i+1)
		if end = s.value(start, depth+1); end < 0 {
			return end
		}
		if depth == 1 {
			s.root.members = append(s.root.members, member{name, s.text[start:end]})
		}
		i = skipSpace(s.text, end)
		switch s.at(i) {
		case ',':
			i = skipSpace(s.text, i+1)
		case '}':
			s.count = outer
			return i + 1
		default:
			return s.fail(invalid)
		}
	}
}

// fewNames is the size up to which comparing names one by one beats hashing them.
const fewNames = 16

// addName notes a name of the innermost object, whose names begin at outer. An object with more
// than a few names gets a map, so that finding duplicates does not take quadratic time; addName
// returns the map.
func (s *scanner) addName(name string, outer int, many map[string]struct{}) map[string]struct{} {
	if many == nil && s.count < min(outer+fewNames, len(s.names)) {
		if slices.Contains(s.names[outer:s.count], name) {
			s.fail(nameTwice)
		}
		s.names[s.count] = name
		s.count++
		return nil
	}
	if many == nil {
		many = make(map[string]struct{}, 2*fewNames)
		for _, known := range s.names[outer:s.count] {
			many[known] = struct{}{}
		}
	}
	if _, known := many[name]; known {
		s.fail(nameTwice)
	}
	many[name] = struct{}{}
	return many
}

func (s *scanner) array(i, depth int) int {
	i = skipSpace(s.text, i+1)
	if s.at(i) == ']' {
		return i + 1
	}
	for {
		if i = s.value(i, depth+1); i < 0 {
			return i
		}
		i = skipSpace(s.text, i)
		switch s.at(i) {
		case ',':
			i = skipSpace(s.text, i+1)
		case ']':
			return i + 1
		default:
			return s.fail(invalid)
		}
	}
}

func (s *scanner) string(i int) int {
	text := s.text
	for i++; i < len(text); i++ {
		c := text[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		switch c {
		case '"':
			return i + 1
		case '\\':
			if i = s.escape(i + 1); i < 0 {
				return i
			}
		default:
			return s.fail(invalid)
		}
	}
	return s.fail(invalid)
}

// escape reads what follows a backslash and returns the index of its last byte.
func (s *scanner) escape(i int) int {
	switch s.at(i) {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i
	case 'u':
		for range 4 {
			i++
			if c := s.at(i); !isDigit(c) && (c|0x20 < 'a' || c|0x20 > 'f') {
				return s.fail(invalid)
			}
		}
		return i
	}
	return s.fail(invalid)
}

func (s *scanner) literal(i int, word string) int {
	if end := i + len(word); end <= len(s.text) && s.text[i:end] == word {
		return end
	}
	return s.fail(invalid)
}

func (s *scanner) number(i int) int {
	if s.at(i) == '-' {
		i++
	}
	if s.at(i) == '0' {
		i++
	} else if i = s.digits(i); i < 0 {
		return i
	}
	if s.at(i) == '.' {
		if i = s.digits(i + 1); i < 0 {
			return i
		}
	}
	if s.at(i)|0x20 != 'e' {
		return i
	}
	i++
	if c := s.at(i); c == '+' || c == '-' {
		i++
	}
	return s.digits(i)
}

// digits reads at least one.
func (s *scanner) digits(i int) int {
	start := i
	for isDigit(s.at(i)) {
		i++
	}
	if i == start {
		return s.fail(invalid)
	}
	return i
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

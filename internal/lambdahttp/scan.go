package lambdahttp

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"unicode/utf16"
	"unicode/utf8"
)

// errEnough stops a scan whose result is known. errSyntax means that the text is not what is
// expected at this place.
var (
	errEnough = errors.New("lambdahttp: enough is known")
	errSyntax = errors.New("lambdahttp: unexpected JSON")
)

// A scanner walks through a JSON text without decoding or copying it, so that a request can be
// refused before any work is done for it. The text comes from Lambda, which sends valid JSON. Values
// that are skipped are not checked for more than their extent.
type scanner struct {
	text []byte
	at   int
}

// next returns the first byte of the next token, or 0 at the end.
func (s *scanner) next() byte {
	for ; s.at < len(s.text); s.at++ {
		switch c := s.text[s.at]; c {
		case ' ', '\t', '\n', '\r':
		default:
			return c
		}
	}
	return 0
}

// take skips a token of one byte, and reports whether it is the next one.
func (s *scanner) take(c byte) bool {
	if s.next() != c || c == 0 {
		return false
	}
	s.at++
	return true
}

// word skips a word such as null, and reports whether it is the next token.
func (s *scanner) word(word string) bool {
	s.next()
	if !bytes.HasPrefix(s.text[s.at:], []byte(word)) {
		return false
	}
	s.at += len(word)
	return true
}

// end reports whether nothing follows.
func (s *scanner) end() bool { return s.next() == 0 && s.at == len(s.text) }

// each calls value for each element of a list, which must read it. Null has no elements.
func (s *scanner) each(value func() error) error {
	if s.word("null") {
		return nil
	}
	return s.group('[', ']', value)
}

// members calls value for each member of an object with its name, as it is written; value must read
// the member's value. Null has no members.
func (s *scanner) members(value func(name []byte) error) error {
	if s.word("null") {
		return nil
	}
	return s.group('{', '}', func() error {
		name, err := s.quoted(len(s.text))
		if err != nil || !s.take(':') {
			return errSyntax
		}
		return value(name.raw)
	})
}

// group calls item for each of the items between two brackets, which commas separate.
func (s *scanner) group(opening, closing byte, item func() error) error {
	if !s.take(opening) {
		return errSyntax
	}
	for first := true; !s.take(closing); first = false {
		if !first && !s.take(',') {
			return errSyntax
		}
		if err := item(); err != nil {
			return err
		}
	}
	return nil
}

// A quoted is a string in a JSON text.
type quoted struct {
	raw     []byte // what is between the quotation marks
	size    int    // of the text in UTF-8, in bytes
	escaped bool   // whether raw contains escapes
}

// quoted reads a string, or null as an empty one. It gives up with errEnough where the text is
// longer than most bytes.
func (s *scanner) quoted(most int) (quoted, error) {
	if s.word("null") {
		return quoted{}, nil
	}
	if !s.take('"') {
		return quoted{}, errSyntax
	}
	q, text := quoted{}, s.text[s.at:]
	saved := 0 // bytes that escapes are longer than their characters
	for at := 0; at < len(text); at++ {
		switch c := text[at]; {
		case c == '"':
			q.raw, q.size, q.escaped = text[:at], at-saved, saved > 0
			s.at += at + 1
			return q, nil
		case c < ' ':
			return quoted{}, errSyntax
		case at-saved >= most:
			return quoted{}, errEnough
		case c != '\\':
		case at+1 < len(text) && text[at+1] == 'u':
			saved += 6 - sizeOfUnit(text[at+1:])
			at += 5
		default:
			saved++
			at++
		}
	}
	return quoted{}, errSyntax
}

// sizeOfUnit returns how many bytes the UTF-16 code unit of an escape, from its u on, has in UTF-8:
// each half of a surrogate pair counts for half of the four.
func sizeOfUnit(escape []byte) int {
	switch unit, ok := codeUnit(escape); {
	case ok && unit < 0x80:
		return 1
	case ok && unit < 0x800, utf16.IsSurrogate(unit):
		return 2
	}
	return 3
}

// codeUnit reads the four digits of an escape that starts with u.
func codeUnit(escape []byte) (unit rune, ok bool) {
	var digits [2]byte
	if len(escape) < 5 || escape[0] != 'u' {
		return 0, false
	}
	if _, err := hex.Decode(digits[:], escape[1:5]); err != nil {
		return 0, false
	}
	return rune(binary.BigEndian.Uint16(digits[:])), true
}

// escapes are the escapes of one character.
var escapes = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// text returns the text of the string, a new slice for each call, and whether all of its escapes
// are valid. A lone half of a surrogate pair becomes U+FFFD, as in encoding/json.
func (q quoted) text() ([]byte, bool) {
	if !q.escaped {
		return bytes.Clone(q.raw), true
	}
	text, rest := make([]byte, 0, q.size+utf8.UTFMax), q.raw
	for {
		at := bytes.IndexByte(rest, '\\')
		if at < 0 {
			return append(text, rest...), true
		}
		text, rest = append(text, rest[:at]...), rest[at+1:]
		if len(rest) == 0 {
			return nil, false
		}
		if c := escapes[rest[0]]; c != 0 {
			text, rest = append(text, c), rest[1:]
			continue
		}
		unit, ok := codeUnit(rest)
		if !ok {
			return nil, false
		}
		rest = rest[5:]
		if utf16.IsSurrogate(unit) {
			pair := utf8.RuneError
			if len(rest) > 0 && rest[0] == '\\' {
				second, _ := codeUnit(rest[1:])
				pair = utf16.DecodeRune(unit, second)
			}
			if unit = pair; pair != utf8.RuneError {
				rest = rest[6:]
			}
		}
		text = utf8.AppendRune(text, unit)
	}
}

// skip reads any value.
func (s *scanner) skip() error {
	for depth := 0; ; {
		switch c := s.next(); c {
		case 0:
			return errSyntax
		case '"':
			if _, err := s.quoted(len(s.text)); err != nil {
				return err
			}
		case '{', '[':
			depth++
			s.at++
		case '}', ']':
			if depth--; depth < 0 {
				return errSyntax
			}
			s.at++
		case ',', ':':
			if depth == 0 {
				return errSyntax
			}
			s.at++
		default:
			s.literal()
		}
		if depth == 0 {
			return nil
		}
	}
}

// literal skips a number or a word. It skips at least one byte.
func (s *scanner) literal() {
	for s.at++; s.at < len(s.text); s.at++ {
		switch s.text[s.at] {
		case ' ', '\t', '\n', '\r', ',', ':', '"', '{', '}', '[', ']':
			return
		}
	}
}

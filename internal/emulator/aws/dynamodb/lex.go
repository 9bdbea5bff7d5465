package dynamodb

import (
	"strings"
)

// tokenKind tells the words of an expression apart.
type tokenKind int

const (
	end tokenKind = iota
	word
	nameRef  // #name
	valueRef // :value
	digits
	symbol
)

type token struct {
	kind tokenKind
	text string
}

// is reports whether the token is that keyword, in any case, or that symbol.
func (t token) is(text string) bool {
	return (t.kind == word || t.kind == symbol) && strings.EqualFold(t.text, text)
}

// lex splits an expression. What is not part of the language becomes a symbol that no rule accepts.
func lex(source string) []token {
	var tokens []token
	for rest := strings.TrimLeft(source, " \t\r\n"); rest != ""; rest = strings.TrimLeft(rest, " \t\r\n") {
		t := first(rest)
		tokens = append(tokens, t)
		rest = rest[len(t.text):]
	}
	return append(tokens, token{kind: end, text: "<EOF>"})
}

func first(source string) token {
	c := source[0]
	switch {
	case isLetter(c):
		return token{word, span(source, 0, isWordPart)}
	case c == '#':
		return token{nameRef, span(source, 1, isWordPart)}
	case c == ':':
		return token{valueRef, span(source, 1, isWordPart)}
	case isDigit(c):
		return token{digits, span(source, 0, isDigit)}
	}
	for _, two := range []string{"<>", "<=", ">="} {
		if strings.HasPrefix(source, two) {
			return token{symbol, two}
		}
	}
	return token{symbol, source[:1]}
}

// span returns the longest beginning of source whose bytes from the given one on are all in the class.
func span(source string, from int, class func(byte) bool) string {
	to := from
	for to < len(source) && class(source[to]) {
		to++
	}
	return source[:to]
}

func isLetter(c byte) bool   { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' }
func isDigit(c byte) bool    { return '0' <= c && c <= '9' }
func isWordPart(c byte) bool { return isLetter(c) || isDigit(c) }

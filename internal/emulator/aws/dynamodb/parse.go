package dynamodb

import (
	_ "embed"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// maxExpression is the longest expression that DynamoDB accepts, in bytes.
const maxExpression = 4096

// reservedWords cannot be names of attributes in expressions, see
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ReservedWords.html. They are
// refused so that an expression that works here does not fail on AWS.
//
//go:embed reserved.txt
var reservedWords string

// isReserved looks for a whole line; the list begins and ends with a line break.
func isReserved(name string) bool {
	return strings.Contains(reservedWords, "\n"+strings.ToUpper(name)+"\n")
}

// scope is a request with its placeholders and key. The first fault stays in err.
type scope struct {
	names     map[string]string
	values    map[string]Value
	used      map[string]bool
	condition condition // nil: no condition
	key       string
	err       error
}

func newScope(names map[string]string, values map[string]Value) *scope {
	return &scope{names: names, values: values, used: map[string]bool{}}
}

func (s *scope) fail(err error) {
	if s.err == nil {
		s.err = err
	}
}

// locate sets the key, or the fault in it.
func (s *scope) locate(key string, err error) {
	s.key = key
	s.fail(err)
}

// checkUsed refuses a placeholder that was defined and not used, as DynamoDB does.
func (s *scope) checkUsed(member string, placeholders []string) {
	for _, name := range placeholders {
		if !s.used[name] {
			s.fail(invalid("Value provided in %s unused in expressions: keys: {%s}", member, name))
		}
	}
}

// parser reads one expression. After a fault, which is kept in the scope, every token is the end of
// the expression, so that every rule returns quickly.
type parser struct {
	expression string // its name in the API, for messages
	tokens     []token
	scope      *scope
	group      [2]int // tokens left before and after the last parenthesis
}

// parse applies a rule to the whole of source.
func parse[T any](expression, source string, s *scope, rule func(*parser) T) (result T) {
	p := &parser{expression: expression, tokens: lex(source), scope: s}
	switch {
	case len(source) > maxExpression:
		p.fail("Expression size has exceeded the maximum allowed size")
	case len(p.tokens) == 1:
		p.fail("The expression can not be empty") // DynamoDB spells it so
	}
	parsed := rule(p)
	if p.peek().kind != end {
		p.unexpected()
	}
	if s.err == nil {
		result = parsed
	}
	return result
}

func (p *parser) fail(format string, args ...any) {
	p.scope.fail(invalid("Invalid "+p.expression+": "+format, args...))
	p.tokens = []token{{kind: end, text: "<EOF>"}}
}

func (p *parser) unexpected() { p.fail("Syntax error; token: %q", p.peek().text) }

func (p *parser) peek() token { return p.tokens[0] }

// next consumes a token; the end is never consumed.
func (p *parser) next() token {
	t := p.tokens[0]
	if t.kind != end {
		p.tokens = p.tokens[1:]
	}
	return t
}

func (p *parser) accept(text string) bool {
	if !p.peek().is(text) {
		return false
	}
	p.next()
	return true
}

func (p *parser) expect(text string) {
	if !p.accept(text) {
		p.unexpected()
	}
}

// call reports whether a function call begins here; unlike keywords, functions are lower case.
func (p *parser) call() (function string, ok bool) {
	if len(p.tokens) < 2 || p.peek().kind != word || !p.tokens[1].is("(") {
		return "", false
	}
	return p.peek().text, true
}

// list calls one for each of one or more elements separated by commas.
func list[T any](p *parser, one func() T) []T {
	items := []T{one()}
	for p.accept(",") {
		items = append(items, one())
	}
	return items
}

func (p *parser) path() path {
	result := path{{name: p.attribute(), index: -1}}
	for {
		switch {
		case p.accept("."):
			result = append(result, segment{name: p.attribute(), index: -1})
		case p.accept("["):
			result = append(result, segment{index: p.index()})
			p.expect("]")
		default:
			return result
		}
	}
}

// attribute reads one name in a path: a literal or a placeholder.
func (p *parser) attribute() string {
	t := p.peek()
	switch {
	case t.kind == nameRef:
		name, defined := p.scope.names[t.text]
		if !defined {
			p.fail("An expression attribute name used in the document path is not defined; attribute name: %s", t.text)
		}
		p.scope.used[t.text] = true
		p.next()
		return name
	case t.kind == word && isReserved(t.text):
		p.fail("Attribute name is a reserved keyword; reserved keyword: %s", t.text)
	case t.kind != word:
		p.unexpected()
	}
	return p.next().text
}

func (p *parser) index() int {
	t := p.peek()
	index, err := strconv.Atoi(t.text)
	if t.kind != digits || err != nil {
		p.unexpected()
		return 0
	}
	p.next()
	return index
}

func (p *parser) value() Value {
	t := p.peek()
	if t.kind != valueRef {
		p.unexpected()
		return Value{}
	}
	value, defined := p.scope.values[t.text]
	if !defined {
		p.fail("An expression attribute value used in expression is not defined; attribute value: %s", t.text)
	}
	p.scope.used[t.text] = true
	p.next()
	return value
}

func (p *parser) projection() []path {
	paths := list(p, p.path)
	p.wantDisjoint(paths)
	return paths
}

// wantDisjoint refuses paths of which one contains the other, because their order would matter.
func (p *parser) wantDisjoint(paths []path) {
	for i, a := range paths {
		for _, b := range paths[:i] {
			if n := min(len(a), len(b)); slices.Equal(a[:n], b[:n]) {
				p.fail("Two document paths overlap with each other; must remove or rewrite one of these paths; path one: %v, path two: %v", b, a)
			}
		}
	}
}

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

// tokenPattern has a group for each kind of token, in the order of the kinds. A character that is
// not part of the language is a symbol that no rule accepts.
var tokenPattern = regexp.MustCompile(`(?s)^(?:([A-Za-z_][A-Za-z0-9_]*)|(#[A-Za-z0-9_]*)|(:[A-Za-z0-9_]*)|([0-9]+)|(<>|<=|>=|.))`)

func lex(source string) []token {
	var tokens []token
	for rest := strings.TrimLeft(source, " \t\r\n"); rest != ""; rest = strings.TrimLeft(rest, " \t\r\n") {
		groups := tokenPattern.FindStringSubmatch(rest)
		kind := 1 + slices.IndexFunc(groups[1:], func(text string) bool { return text != "" })
		tokens = append(tokens, token{tokenKind(kind), groups[0]})
		rest = rest[len(groups[0]):]
	}
	return append(tokens, token{kind: end, text: "<EOF>"})
}

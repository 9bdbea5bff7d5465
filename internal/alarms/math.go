package alarms

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
)

// A series is the values of consecutive periods, the latest first; NaN is a missing one.
type series []float64

// An expression is an expression of metric math. It supports what does not depend on how CloudWatch
// treats missing values: operators, which have no value where an operand has none, SUM, MIN and MAX
// of several time series, which pass over missing values, IF and DIFF. FILL is not supported: on an
// alarm, it also replaces the latest values while they are still on their way.
type expression struct {
	operator string // "" for a number, "name" for a metric or formula
	number   float64
	name     string
	operands []expression
}

// values computes an expression for n periods. find returns the values of a metric or formula.
func (e expression) values(find func(string) (series, error), n int) (series, error) {
	switch e.operator {
	case "":
		values := make(series, n)
		for i := range values {
			values[i] = e.number
		}
		return values, nil
	case "name":
		return find(e.name)
	}
	operands := make([]series, len(e.operands))
	for i, operand := range e.operands {
		values, err := operand.values(find, n)
		if err != nil {
			return nil, err
		}
		operands[i] = values
	}
	values := make(series, n)
	for i := range values {
		if e.operator == "DIFF" {
			values[i] = missing
			if i+1 < n {
				values[i] = operands[0][i] - operands[0][i+1]
			}
			continue
		}
		at := make([]float64, len(operands))
		for k, operand := range operands {
			if i >= len(operand) {
				return nil, fmt.Errorf("an operand of %s is not a time series", e.operator)
			}
			at[k] = operand[i]
		}
		values[i] = compute(e.operator, at)
	}
	return values, nil
}

// compute applies an operator to the values of one period.
func compute(operator string, operands []float64) float64 {
	switch operator {
	case "SUM", "MAX", "MIN":
		return aggregate(operator, operands)
	}
	for _, operand := range operands {
		if math.IsNaN(operand) {
			return missing
		}
	}
	truth := func(is bool) float64 {
		if is {
			return 1
		}
		return 0
	}
	a, b := operands[0], operands[min(1, len(operands)-1)]
	switch operator {
	case "IF":
		if a != 0 {
			return b
		}
		return operands[2]
	case "-1":
		return -a
	case "+":
		return a + b
	case "-":
		return a - b
	case "*":
		return a * b
	case "/":
		return a / b
	case "==":
		return truth(a == b)
	case "!=":
		return truth(a != b)
	case "<=":
		return truth(a <= b)
	case ">=":
		return truth(a >= b)
	case "<":
		return truth(a < b)
	case ">":
		return truth(a > b)
	case "AND":
		return truth(a != 0 && b != 0)
	}
	return truth(a != 0 || b != 0) // OR
}

// aggregate passes over missing values.
func aggregate(operator string, operands []float64) float64 {
	result := missing
	for _, value := range operands {
		switch {
		case math.IsNaN(value):
		case math.IsNaN(result):
			result = value
		case operator == "SUM":
			result += value
		case operator == "MAX":
			result = max(result, value)
		default:
			result = min(result, value)
		}
	}
	return result
}

// parse reads an expression.
func parse(text string) (expression, error) {
	p := parser{text: text}
	e := p.binary(0)
	if p.err == nil && p.peek() != "" {
		p.fail("unexpected %q", p.peek())
	}
	return e, p.err
}

// A parser is the state of parse.
type parser struct {
	text string
	err  error
}

// operators are the binary operators, the weakest first.
var operators = [][]string{{"OR"}, {"AND"}, {"==", "!=", "<=", ">=", "<", ">"}, {"+", "-"}, {"*", "/"}}

// functions are the functions, with the number of their arguments; 0 means one array.
var functions = map[string]int{"SUM": 0, "MAX": 0, "MIN": 0, "IF": 3, "DIFF": 1}

func (p *parser) fail(format string, arguments ...any) {
	if p.err == nil {
		p.err = fmt.Errorf(format, arguments...)
	}
	p.text = ""
}

// peek returns the next token, or "" at the end.
func (p *parser) peek() string {
	p.text = strings.TrimLeftFunc(p.text, unicode.IsSpace)
	if p.text == "" {
		return ""
	}
	if len(p.text) > 1 && p.text[1] == '=' && strings.ContainsRune("=!<>", rune(p.text[0])) {
		return p.text[:2]
	}
	end := strings.IndexFunc(p.text, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_' && r != '.'
	})
	switch end {
	case -1:
		return p.text
	case 0:
		return p.text[:1]
	}
	return p.text[:end]
}

// take consumes the next token if it is one of those.
func (p *parser) take(tokens ...string) string {
	next := p.peek()
	for _, token := range tokens {
		if next == token && next != "" {
			p.text = p.text[len(next):]
			return token
		}
	}
	return ""
}

func (p *parser) want(token string) {
	if p.take(token) == "" {
		p.fail("%q where %q was expected", p.peek(), token)
	}
}

// binary reads the operators of a level and the stronger ones.
func (p *parser) binary(level int) expression {
	if level == len(operators) {
		return p.primary()
	}
	left := p.binary(level + 1)
	for {
		operator := p.take(operators[level]...)
		if operator == "" {
			return left
		}
		left = expression{operator: operator, operands: []expression{left, p.binary(level + 1)}}
	}
}

func (p *parser) primary() expression {
	if p.take("-") != "" {
		return expression{operator: "-1", operands: []expression{p.primary()}}
	}
	if p.take("(") != "" {
		e := p.binary(0)
		p.want(")")
		return e
	}
	token := p.peek()
	if number, err := strconv.ParseFloat(token, 64); err == nil {
		p.take(token)
		return expression{number: number}
	}
	if token == "" || !unicode.IsLetter(rune(token[0])) {
		p.fail("%q where a value was expected", token)
		return expression{}
	}
	p.take(token)
	if p.take("(") == "" {
		return expression{operator: "name", name: token}
	}
	count, ok := functions[token]
	if !ok {
		p.fail("%s is not supported", token)
		return expression{}
	}
	if count == 0 {
		p.want("[")
	}
	e := expression{operator: token, operands: []expression{p.binary(0)}}
	for p.take(",") != "" {
		e.operands = append(e.operands, p.binary(0))
	}
	if count == 0 {
		p.want("]")
	} else if len(e.operands) != count {
		p.fail("%s has %d arguments, want %d", token, len(e.operands), count)
	}
	p.want(")")
	return e
}

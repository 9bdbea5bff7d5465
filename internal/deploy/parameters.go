package deploy

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Parameters are values of template parameters, by name. A nil map contains none.
type Parameters map[string]string

// ParseParameters reads parameters in the form that sam deploy writes, separated by white space:
// either Name=value or ParameterKey=Name,ParameterValue=value. A value with white space or quotes
// is put in quotes, as in a shell: in double quotes a backslash escapes a quote, a space or itself,
// and in single quotes nothing is special.
//
// The error names the word that could not be read, or the parameter that is given twice.
func ParseParameters(text string) (Parameters, error) {
	words, err := splitWords(text)
	if err != nil {
		return nil, err
	}
	parameters := Parameters{}
	for _, word := range words {
		name, value, ok := strings.Cut(word, "=")
		if key, rest, long := strings.Cut(value, ",ParameterValue="); ok && long && name == "ParameterKey" {
			name, value = key, rest
		}
		if !ok || !parameterName.MatchString(name) {
			return nil, fmt.Errorf("%q is not of the form Name=value; put a value that contains spaces in quotes: Name=\"two words\"", word)
		}
		if _, twice := parameters[name]; twice {
			return nil, fmt.Errorf("the parameter %s is given twice", name)
		}
		parameters[name] = value
	}
	return parameters, nil
}

// parameterName matches the names that CloudFormation accepts for a parameter.
var parameterName = regexp.MustCompile(`^[A-Za-z0-9]+$`)

// splitWords splits a text as a shell does.
func splitWords(text string) (words []string, err error) {
	var word strings.Builder
	var quote rune // 0 outside quotes
	inWord, escaped := false, false
	for _, c := range text {
		switch {
		case escaped:
			if quote == '"' && c != '"' && c != '\\' && c != ' ' {
				word.WriteRune('\\') // not an escape: the backslash stands for itself
			}
			word.WriteRune(c)
			escaped = false
		case c == '\\' && quote != '\'':
			escaped, inWord = true, true
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote, inWord = c, true
		case quote == 0 && (c == ' ' || c == '\t' || c == '\n' || c == '\r'):
			if inWord {
				words = append(words, word.String())
				word.Reset()
				inWord = false
			}
		default:
			word.WriteRune(c)
			inWord = true
		}
	}
	if quote != 0 || escaped {
		return nil, fmt.Errorf("the parameters end inside %s: %s", map[bool]string{true: "an escape", false: "quotes"}[escaped], text)
	}
	if inWord {
		words = append(words, word.String())
	}
	return words, nil
}

// With returns these parameters overridden by others.
func (p Parameters) With(others Parameters) Parameters {
	merged := maps.Clone(p)
	if merged == nil {
		merged = Parameters{}
	}
	maps.Copy(merged, others)
	return merged
}

// Arguments returns the parameters in order of their names, each as one argument of sam deploy's
// --parameter-overrides. SAM expects a value in double quotes, in which it unescapes a quote or a
// space and keeps every other backslash. It also looks for ParameterKey= everywhere, so a few
// values cannot be written; the error names their parameter.
func (p Parameters) Arguments() ([]string, error) {
	var arguments []string
	for _, name := range slices.Sorted(maps.Keys(p)) {
		value := p[name]
		if unwritable.MatchString(value) {
			return nil, fmt.Errorf("the value of %s cannot be passed to sam deploy, which reads ParameterKey= as a parameter, and a backslash before a quote, a space, a line break, another backslash or the end as an escape", name)
		}
		if !plain.MatchString(value) {
			value = `"` + strings.ReplaceAll(value, `"`, `\"`) + `"`
		}
		arguments = append(arguments, name+"="+value)
	}
	return arguments, nil
}

var (
	plain      = regexp.MustCompile(`^[A-Za-z0-9@%+:,./=_~-]+$`)
	unwritable = regexp.MustCompile(`\\(['" \n\\]|$)|ParameterKey=`)
)

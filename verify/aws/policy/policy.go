// Package policy evaluates IAM policy documents, with the features that Meterbridge's template
// uses: effects, actions, resources, service principals and string conditions on keys with one
// value or with several. Anything else is an error, never a permission. [Parse] reads a document,
// and [Allows] evaluates several.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html
package policy

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
)

// A Document is an identity-based or a resource-based policy.
type Document struct{ Statement []Statement }

// A Statement allows or denies calls.
type Statement struct {
	Sid       string
	Effect    string
	Principal struct{ Service Strings }
	Action    Strings
	Resource  Strings
	Condition map[string]map[string]Strings // operator, key, values
}

// Strings is a list of strings. In a policy it may also be a single string.
type Strings []string

// UnmarshalJSON implements [json.Unmarshaler].
func (s *Strings) UnmarshalJSON(raw []byte) error {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		*s = Strings{one}
		return nil
	}
	return json.Unmarshal(raw, (*[]string)(s))
}

// A Call is a request to AWS.
type Call struct {
	Service  string // principal, for resource-based policies; otherwise empty
	Action   string
	Resource string
	Context  map[string]Strings // values of condition keys, whose names are compared without case; a key without values is absent
}

// multivalued are the condition keys of a request that can have several values: PutEvents carries
// up to ten entries, and AWS does not document whether the request is evaluated once, with the
// sources of all, or once for each entry.
var multivalued = []string{"aws:calledvia", "aws:principalservicenameslist", "aws:tagkeys", "events:detail-type", "events:source"}

// Parse reads a document. A member that [Statement] lacks, such as NotAction, is an error.
func Parse(raw []byte) (*Document, error) {
	var known struct {
		Version   string
		Statement []Statement
	}
	decoder := json.NewDecoder(strings.NewReader(string(raw)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&known); err != nil {
		return nil, fmt.Errorf("read policy: %w", err)
	}
	for _, s := range known.Statement {
		if s.Effect != "Allow" && s.Effect != "Deny" { // IAM reads it with its case
			return nil, fmt.Errorf("read policy: statement %s: unknown effect %q", s.Sid, s.Effect)
		}
		if text, err := json.Marshal([]any{s.Resource, s.Condition}); err != nil || strings.Contains(string(text), "${") {
			return nil, fmt.Errorf("read policy: statement %s: policy variables are not known here", s.Sid)
		}
	}
	return &Document{known.Statement}, nil
}

// Allows reports whether a document allows a call and none denies it.
func Allows(documents []*Document, c Call) (bool, error) {
	allowed := false
	for _, document := range documents {
		for _, statement := range document.Statement {
			applies, err := statement.applies(c)
			switch {
			case err != nil:
				return false, fmt.Errorf("statement %s: %w", statement.Sid, err)
			case applies && statement.Effect == "Deny":
				return false, nil
			case applies && statement.Effect == "Allow":
				allowed = true
			}
		}
	}
	return allowed, nil
}

func (s Statement) applies(c Call) (bool, error) {
	action := slices.ContainsFunc(s.Action, func(p string) bool { return wild(strings.ToLower(p), strings.ToLower(c.Action)) })
	resource := slices.ContainsFunc(s.Resource, func(p string) bool { return wild(p, c.Resource) })
	principal := c.Service == "" && len(s.Principal.Service) == 0 || slices.Contains(s.Principal.Service, c.Service)
	conditions, err := s.conditions(c.Context)
	return action && resource && principal && conditions, err
}

// conditions reports whether all conditions are met.
func (s Statement) conditions(context map[string]Strings) (bool, error) {
	met := true
	for operator, keys := range s.Condition {
		for key, wanted := range keys {
			one, err := condition(operator, strings.ToLower(key), wanted, context)
			if err != nil {
				return false, err
			}
			met = met && one
		}
	}
	return met, nil
}

// condition evaluates an operator for one key. An operator for single values fails on a key that
// can have several, because AWS does not document the result, and a set operator fails on a key
// that has one value, where AWS advises against it.
func condition(operator, key string, wanted Strings, context map[string]Strings) (bool, error) {
	var values Strings
	for name, of := range context {
		if strings.EqualFold(name, key) {
			values = append(values, of...)
		}
	}
	if operator == "Null" {
		absent, err := strconv.ParseBool(strings.Join(wanted, ","))
		return absent == (len(values) == 0), err
	}
	set, name, isSet := strings.Cut(operator, ":")
	if !isSet {
		name = operator
	}
	compare, err := comparison(name)
	if err != nil {
		return false, err
	}
	matches := func(value string) bool {
		return slices.ContainsFunc(wanted, func(want string) bool { return compare(want, value) })
	}
	several := slices.Contains(multivalued, key)
	switch {
	case !several && len(values) > 1:
		return false, fmt.Errorf("%s has several values %q, but is not known as a key that can", key, values)
	case several != isSet:
		return false, fmt.Errorf("%s cannot be used with %s: its number of values is not the operator's", operator, key)
	case !isSet || set == "ForAnyValue":
		return slices.ContainsFunc(values, matches), nil
	case set == "ForAllValues": // which also holds for no value at all
		return !slices.ContainsFunc(values, func(value string) bool { return !matches(value) }), nil
	}
	return false, fmt.Errorf("unknown condition operator %s", operator)
}

func comparison(operator string) (func(want, value string) bool, error) {
	switch operator {
	case "StringEquals":
		return func(want, value string) bool { return want == value }, nil
	case "StringLike":
		return wild, nil
	case "ArnLike", "ArnEquals":
		return wildARN, nil
	case "Bool":
		return strings.EqualFold, nil
	}
	return nil, fmt.Errorf("unknown condition operator %s", operator)
}

// wild matches * and ?. It hides slashes, which are ordinary in ARNs, from [path.Match].
func wild(pattern, value string) bool {
	escape := strings.NewReplacer("/", "\x00", `\`, `\\`, "[", `\[`)
	match, err := path.Match(escape.Replace(pattern), strings.ReplaceAll(value, "/", "\x00"))
	return err == nil && match
}

// wildARN matches each of the six parts of an ARN by itself, so that no wildcard reaches into the
// next. A text that is no ARN matches nothing.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html#Conditions_ARN
func wildARN(pattern, value string) bool {
	const parts = 6
	patterns, values := strings.SplitN(pattern, ":", parts), strings.SplitN(value, ":", parts)
	if len(patterns) != parts || len(values) != parts {
		return false
	}
	for i := range patterns {
		if !wild(patterns[i], values[i]) {
			return false
		}
	}
	return true
}

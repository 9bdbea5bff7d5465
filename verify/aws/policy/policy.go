// Package policy evaluates IAM policy documents, as far as Meterbridge's template uses them:
// effects, actions, resources, service principals and string conditions. Anything else is an error,
// never a permission. [Parse] reads a document, and [Allows] evaluates several.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
package policy

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
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
	Context  map[string]string // condition keys
}

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
	return &Document{known.Statement}, nil
}

// Allows reports whether the documents together allow a call: at least one allows it and none
// denies it.
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

// conditions reports whether all conditions are met. A condition on a key that the call lacks is
// not met.
func (s Statement) conditions(context map[string]string) (bool, error) {
	met := true
	for operator, keys := range s.Condition {
		for key, wanted := range keys {
			value, present := context[key]
			compare, err := comparison(operator)
			if err != nil {
				return false, err
			}
			met = met && present && slices.ContainsFunc(wanted, func(want string) bool { return compare(want, value) })
		}
	}
	return met, nil
}

func comparison(operator string) (func(want, value string) bool, error) {
	switch operator {
	case "StringEquals":
		return func(want, value string) bool { return want == value }, nil
	case "StringLike", "ArnLike", "ArnEquals":
		return wild, nil
	case "Bool":
		return strings.EqualFold, nil
	}
	return nil, fmt.Errorf("unknown condition operator %s", operator)
}

// wild matches * and ?. It replaces slashes, which [path.Match] treats specially but which are
// ordinary characters in ARNs.
func wild(pattern, value string) bool {
	escape := strings.NewReplacer("/", "\x00", `\`, `\\`, "[", `\[`)
	match, err := path.Match(escape.Replace(pattern), strings.ReplaceAll(value, "/", "\x00"))
	return err == nil && match
}

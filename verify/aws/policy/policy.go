// Package policy evaluates IAM policy documents, as far as Meterbridge's template uses them: effects, actions, resources,
// service principals and string conditions. What it does not know is an error, never a permission.
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

// A Document is a policy: of an identity, or of a resource.
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

// Strings is a string, or several, as policies have both.
type Strings []string

// UnmarshalJSON reads either form.
func (s *Strings) UnmarshalJSON(raw []byte) error {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		*s = Strings{one}
		return nil
	}
	return json.Unmarshal(raw, (*[]string)(s))
}

// A Call is what someone tries to do.
type Call struct {
	Service  string // principal, for the policy of a resource; empty for that of an identity
	Action   string
	Resource string
	Context  map[string]string // condition keys
}

// Parse reads a document. A member that Statement does not have, such as NotAction, is an error.
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

// Allows tells whether the documents together allow a call: one allows it and none denies it.
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

// conditions all have to hold. A key that the call does not carry fails its condition.
func (s Statement) conditions(context map[string]string) (bool, error) {
	hold := true
	for operator, keys := range s.Condition {
		for key, wanted := range keys {
			value, present := context[key]
			compare, err := comparison(operator)
			if err != nil {
				return false, err
			}
			hold = hold && present && slices.ContainsFunc(wanted, func(want string) bool { return compare(want, value) })
		}
	}
	return hold, nil
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

// wild matches * and ?. Slashes are ordinary characters in ARNs, so they are taken out of [path.Match]'s way.
func wild(pattern, value string) bool {
	escape := strings.NewReplacer("/", "\x00", `\`, `\\`, "[", `\[`)
	match, err := path.Match(escape.Replace(pattern), strings.ReplaceAll(value, "/", "\x00"))
	return err == nil && match
}

package sam

import (
	"cmp"
	"errors"
	"slices"
)

// checkRules evaluates the assertions of all rules, as CloudFormation does before it creates or
// updates a stack. A rule that can be evaluated only with what AWS knows becomes a warning.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/rules-section-structure.html
func (r *resolver) checkRules(rules *node) (warnings []string, err error) {
	var faults []error
	for i, name := range rules.keys {
		n := rules.items[i]
		if onlyAWS := n.callOf(ruleFunctionsOfAWS); onlyAWS != "" {
			warnings = append(warnings, r.errorf(n, "Rule "+name, "not checked: %s needs values that only AWS has", onlyAWS).Error())
			continue
		}
		faults = append(faults, r.checkRule(name, n))
	}
	return warnings, errors.Join(faults...)
}

// ruleFunctionsOfAWS look up attributes of resources in the account.
var ruleFunctionsOfAWS = []string{"Fn::RefAll", "Fn::ValueOf", "Fn::ValueOfAll"}

func (r *resolver) checkRule(name string, n *node) error {
	e := r.evaluator("Rule " + name)
	e.inCondition = true
	assertions := n.section("Assertions")
	if assertions.kind != sequence || len(assertions.items) == 0 {
		e.fail(n, "a rule must be a map with a list of Assertions")
		return e.err
	}
	if applies := n.get("RuleCondition"); applies != nil && !e.ruleFunction(applies) {
		return e.err
	}
	for _, assertion := range assertions.items {
		assert := assertion.get("Assert")
		if assert == nil {
			e.fail(assertion, "an assertion must have an Assert")
			return e.err
		}
		if holds := e.ruleFunction(assert); !holds {
			description, _ := assertion.get("AssertDescription").literal()
			e.fail(assertion, "%s", cmp.Or(description, "the assertion does not hold"))
		}
	}
	return e.err
}

// ruleFunction evaluates a call of a function that rules have, most of which conditions have too.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-rules.html
func (e *evaluator) ruleFunction(n *node) bool {
	switch n.name {
	case "Condition":
		e.fail(n, "a rule cannot refer to a condition")
		return false
	case "Fn::And":
		return !e.combine(n, 2, 10, false, e.ruleFunction)
	case "Fn::Or":
		return e.combine(n, 2, 10, true, e.ruleFunction)
	case "Fn::Not":
		return e.combine(n, 1, 1, false, e.ruleFunction)
	case "Fn::Contains":
		return slices.Contains(e.texts(n, 0), e.text(n, 1))
	case "Fn::EachMemberEquals":
		want := e.text(n, 1)
		return !slices.ContainsFunc(e.texts(n, 0), func(s string) bool { return s != want })
	case "Fn::EachMemberIn":
		allowed := e.texts(n, 1)
		return !slices.ContainsFunc(e.texts(n, 0), func(s string) bool { return !slices.Contains(allowed, s) })
	default:
		return e.conditionFunction(n)
	}
}

// text returns an argument of a call, of which there must be two, as a text.
func (e *evaluator) text(n *node, argument int) string {
	return e.scalar(n, e.arguments(n, 2)[argument], "argument %d of %s must be a string", argument+1, n.name)
}

// texts returns an argument of a call, of which there must be two, as a list of texts.
func (e *evaluator) texts(n *node, argument int) []string {
	list, ok := e.arguments(n, 2)[argument].([]any)
	if !ok {
		e.fail(n, "argument %d of %s must be a list of strings", argument+1, n.name)
	}
	texts := make([]string, len(list))
	for i, item := range list {
		texts[i] = e.scalar(n, item, "argument %d of %s must be a list of strings", argument+1, n.name)
	}
	return texts
}

package sam_test

import (
	"testing"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
)

func TestUnusableConditionIsAnError(t *testing.T) {
	t.Parallel()
	wantErrors(t, map[string]errorTest{
		"unknown condition": {"Resources:\n  A: {Type: Custom::X, Condition: C}\n", sam.Error{Line: 2, Element: "Resource A", Reason: `the template has no condition "C"`}},
		"condition on itself": {queue + "Conditions:\n  A: !Not [!Condition B]\n  B: !Not [!Condition A]\n",
			sam.Error{Line: 4, Element: "Condition A", Reason: `condition "B" depends on itself`}},
		"condition on a resource": {queue + "Conditions:\n  A: !Equals [!Ref Queue, x]\n",
			sam.Error{Line: 4, Element: "Condition A", Reason: `the template has no parameter "Queue", and a condition cannot refer to a resource`}},
		"not a condition function": {queue + "Conditions:\n  A: !Sub x\n", sam.Error{Line: 4, Element: "Condition A", Reason: "Fn::Sub is not a condition function; use Fn::And, Fn::Equals, Fn::Not, Fn::Or or Condition"}},
		"condition as a value":     {queue + "Conditions:\n  A: true\n", sam.Error{Line: 4, Element: "Condition A", Reason: "a condition must be a call of Fn::And, Fn::Equals, Fn::Not, Fn::Or or Condition, not a scalar"}},
		"and of one condition":     {queue + "Conditions:\n  A: !And [!Equals [a, a]]\n", sam.Error{Line: 4, Element: "Condition A", Reason: "Fn::And takes a list of 2 to 10 conditions"}},
	})
}

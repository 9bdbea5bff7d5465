package sam_test

import (
	"strings"
	"testing"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
)

const ruled = `Parameters:
  Stage: {Type: String, Default: test}
  Zones: {Type: CommaDelimitedList, Default: "a,b"}
Rules:
  Production:
    RuleCondition: !Equals [!Ref Stage, prod]
    Assertions:
      - Assert: !EachMemberIn [!Ref Zones, [a, b, c]]
        AssertDescription: production runs in zones a, b and c
      - Assert: !Not [!EachMemberEquals [!Ref Zones, a]]
        AssertDescription: one zone is not enough
  Known:
    Assertions:
      - Assert: !Contains [[test, prod], !Ref Stage]
Resources:
  Queue: {Type: AWS::SQS::Queue}
`

func TestRulesAreAsserted(t *testing.T) {
	t.Parallel()
	for parameters, want := range map[[2]string]string{
		{"test", "z"}:   "",
		{"prod", "a,c"}: "",
		{"prod", "a,z"}: "template.yaml:8: Rule Production: production runs in zones a, b and c",
		{"prod", "a"}:   "template.yaml:10: Rule Production: one zone is not enough",
		{"beta", "a"}:   "template.yaml:14: Rule Known: the assertion does not hold",
	} {
		_, err := sam.Parse([]byte(ruled), &sam.Options{Parameters: map[string]string{"Stage": parameters[0], "Zones": parameters[1]}})
		if got := text(err); got != want {
			t.Errorf("%v: %s, want %s", parameters, got, want)
		}
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// A rule about attributes of resources in the account does not prevent a template from running.
func TestRuleThatNeedsAWSIsAWarning(t *testing.T) {
	t.Parallel()
	template, err := sam.Parse([]byte(queue+"Rules:\n  R:\n    Assertions:\n      - Assert: !Contains [!RefAll 'AWS::EC2::VPC::Id', x]\n"), nil)
	if err != nil || len(template.Warnings) != 1 || !strings.Contains(template.Warnings[0], "Rule R: not checked: Fn::RefAll") {
		t.Errorf("%v, %v", template, err)
	}
}

func TestUnusableRuleIsAnError(t *testing.T) {
	t.Parallel()
	const rule = queue + "Rules:\n  R:\n    "
	wantErrors(t, map[string]errorTest{
		"without assertions": {rule + "RuleCondition: !Equals [a, a]\n", sam.Error{Line: 5, Element: "Rule R", Reason: "a rule must be a map with a list of Assertions"}},
		"not a map":          {queue + "Rules:\n  R: x\n", sam.Error{Line: 4, Element: "Rule R", Reason: "a rule must be a map with a list of Assertions"}},
		"without an assert":  {rule + "Assertions: [{AssertDescription: x}]\n", sam.Error{Line: 5, Element: "Rule R", Reason: "an assertion must have an Assert"}},
		"on a condition": {queue + "Conditions:\n  C: !Equals [a, a]\nRules:\n  R:\n    Assertions: [{Assert: !Condition C}]\n",
			sam.Error{Line: 7, Element: "Rule R", Reason: "a rule cannot refer to a condition"}},
		"on a resource": {rule + "Assertions: [{Assert: !Equals [!Ref Queue, x]}]\n",
			sam.Error{Line: 5, Element: "Rule R", Reason: `the template has no parameter "Queue", and a condition cannot refer to a resource`}},
		"not a list": {rule + "Assertions: [{Assert: !Contains [a, a]}]\n", sam.Error{Line: 5, Element: "Rule R", Reason: "argument 1 of Fn::Contains must be a list of strings"}},
		"misspelled member": {rule + "Assertions: [{Assert: !Equals [a, a], AssertDescripton: x}]\n",
			sam.Error{Line: 5, Element: "Rule R", Reason: `no member "AssertDescripton": did you mean AssertDescription?`, Schema: true}},
	})
}

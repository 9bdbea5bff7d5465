package sam_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
)

const parameters = `Parameters:
  Level:
    Type: String
    Default: INFO
    AllowedValues: [DEBUG, INFO]
  Rate:
    Type: Number
    Default: 5
    MinValue: 0
    MaxValue: 25
  Code:
    Type: String
    Default: abc
    AllowedPattern: "[a-z]+"
    MinLength: 2
    MaxLength: 4
    ConstraintDescription: two to four letters
  Keys:
    Type: CommaDelimitedList
    Default: ""
    AllowedValues: [a, b]
  Zone:
    Type: List<AWS::EC2::AvailabilityZone::Name>
    Default: us-east-1a
  Hidden:
    Type: String
    NoEcho: true
    Default: pass
    MaxLength: 8
Resources:
  A:
    Type: Custom::X
`

func TestValuesOverrideDefaults(t *testing.T) {
	t.Parallel()
	given := map[string]string{"Level": "DEBUG", "Rate": "0.5", "Code": "xy", "Keys": "b, a"}
	want := map[string]string{"Level": "DEBUG", "Rate": "0.5", "Code": "xy", "Keys": "b, a", "Zone": "us-east-1a", "Hidden": "pass"}
	if diff := cmp.Diff(want, parse(t, parameters, &sam.Options{Parameters: given}).Parameters); diff != "" {
		t.Errorf("Parameters (-want +got):\n%s", diff)
	}
}

func TestValueOutsideItsConstraintsIsAnError(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, value, want string }{
		{"Level", "WARN", `template.yaml:3: Parameter Level: "WARN" is not one of DEBUG, INFO`},
		{"Rate", "fast", `template.yaml:7: Parameter Rate: "fast" is not a number`},
		{"Rate", "NaN", `template.yaml:7: Parameter Rate: "NaN" is not a number`},
		{"Rate", "-1", `template.yaml:7: Parameter Rate: "-1" is less than 0`},
		{"Rate", "25.5", `template.yaml:7: Parameter Rate: "25.5" is greater than 25`},
		{"Code", "a1", `template.yaml:12: Parameter Code: "a1" does not match [a-z]+: two to four letters`},
		{"Code", "a", `template.yaml:12: Parameter Code: "a" has fewer than 2 characters: two to four letters`},
		{"Code", "abcde", `template.yaml:12: Parameter Code: "abcde" has more than 4 characters: two to four letters`},
		{"Keys", "a,c", `template.yaml:19: Parameter Keys: "c" is not one of a, b`},
		{"Hidden", "a long secret", `template.yaml:26: Parameter Hidden: the value has more than 8 characters`},
		{"Other", "x", `template.yaml: Parameter Other: the template has no such parameter; its parameters are Level, Rate, Code, Keys, Zone, Hidden`},
	}
	for _, test := range tests {
		t.Run(test.name+"="+test.value, func(t *testing.T) {
			t.Parallel()
			_, err := sam.Parse([]byte(parameters), &sam.Options{Parameters: map[string]string{test.name: test.value}})
			if err == nil || err.Error() != test.want {
				t.Errorf("Parse = %v\nwant %s", err, test.want)
			}
		})
	}
}

func TestFaultsOfAllParametersAreReported(t *testing.T) {
	t.Parallel()
	_, err := sam.Parse([]byte(`Parameters:
  Needed: {Type: String}
  Odd: {Type: Text, Default: x}
  Stored: {Type: "AWS::SSM::Parameter::Value<String>", Default: /path}
  Ahead: {Type: String, Default: x, AllowedPattern: "(?=x)"}
  Ports: {Type: List<Number>, Default: "1,two"}
Resources:
  A: {Type: Custom::X}
`), &sam.Options{Parameters: map[string]string{"B": "1"}})
	want := `template.yaml: Parameter B: the template has no such parameter; its parameters are Needed, Odd, Stored, Ahead, Ports
template.yaml:2: Parameter Needed: the parameter has no default; pass a value
template.yaml:3: Parameter Odd: unknown parameter type "Text"
template.yaml:4: Parameter Stored: the value is stored in AWS Systems Manager, which is not read here; pass a value
template.yaml:5: Parameter Ahead: AllowedPattern is not a regular expression that Go supports: error parsing regexp: invalid or unsupported Perl syntax: ` + "`(?=`" + `
template.yaml:6: Parameter Ports: "two" is not a number`
	if err == nil || err.Error() != want {
		t.Errorf("Parse:\n%v\nwant:\n%s", err, want)
	}
}

func TestParameterStoredInSystemsManagerTakesAPassedValue(t *testing.T) {
	t.Parallel()
	tpl := parse(t, `Parameters:
  Stored: {Type: "AWS::SSM::Parameter::Value<List<String>>", Default: /path}
Resources:
  A: {Type: Custom::X, Properties: {V: !Ref Stored}}
`, &sam.Options{Parameters: map[string]string{"Stored": "a,b"}})
	if diff := cmp.Diff(map[string]any{"V": []any{"a", "b"}}, tpl.Resources[0].Properties); diff != "" {
		t.Errorf("Properties (-want +got):\n%s", diff)
	}
}

func TestValueForATemplateWithoutParametersIsAnError(t *testing.T) {
	t.Parallel()
	_, err := sam.Parse([]byte("Resources: {A: {Type: Custom::X}}"), &sam.Options{Parameters: map[string]string{"B": "1"}})
	wantError(t, err, &sam.Error{File: "template.yaml", Element: "Parameter B", Reason: "the template has no parameters"})
}

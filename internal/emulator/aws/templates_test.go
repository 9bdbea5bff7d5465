package aws_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	emulator "github.com/meterbridge/meterbridge/internal/emulator/aws"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
)

// beside writes a template with its makefile into a folder of its own, beside that of the first
// template, and returns the template's path.
func beside(t *testing.T, folder, text string) string {
	t.Helper()
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	text = "Transform: AWS::Serverless-2016-10-31\nGlobals: {Function: {Runtime: provided.al2023, Timeout: 20, CodeUri: .}}\n" + text
	for name, content := range map[string]string{
		"template.yaml": text, "Makefile": "build-%:\n\tcp '" + executable + "' $(ARTIFACTS_DIR)/bootstrap\n",
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(folder, "template.yaml")
}

// consumer is a template with one function, whose rule is on the bus that a parameter names.
const consumer = `Parameters:
  EventBusName: {Type: String, Default: bus}
  Greeting: {Type: String, Default: hello}
Resources:
  Function:
    Type: AWS::Serverless::Function
    Properties:
      Environment: {Variables: {NAME: !Sub "${AWS::StackName} ${Greeting}"}}
  Rule:
    Type: AWS::Events::Rule
    Properties: {EventBusName: !Ref EventBusName, EventPattern: {source: [a]}, Targets: [{Id: f, Arn: !GetAtt Function.Arn}]}
`

// TestStacksShareABusByItsName: the second and the third template have the same logical ids as the
// first, and name its bus once by its name, once by an ARN.
func TestStacksShareABusByItsName(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	byARN := strings.Replace(consumer, "Default: bus", "Default: 'arn:aws:events:eu-west-1:123456789012:event-bus/bus'", 1)
	r, err := tryOpen(t, `
  Function: {Type: AWS::Serverless::Function, Properties: {Environment: {Variables: {NAME: !Sub "${AWS::StackName}"}}}}
  Rule:
    Type: AWS::Events::Rule
    Properties: {EventBusName: !Ref Bus, EventPattern: {source: [a]}, Targets: [{Id: f, Arn: !GetAtt Function.Arn}]}
`, &emulator.Options{
		StackName: "first", Parameters: map[string]string{"Greeting": "hi"},
		More: []string{beside(t, filepath.Join(folder, "second"), consumer), beside(t, filepath.Join(folder, "the 3rd one", "third"), byARN)},
	})
	if err != nil {
		t.Fatal(err)
	}
	r.put("a", `{"id":"evt_1"}`)
	r.wait(r.WaitIdle)
	for _, want := range []string{"Function: first got {", "second/Function: second hi got {", "third/Function: third hi got {"} {
		r.waitLog(want)
	}
	var matched []string
	for _, s := range r.Steps(activity.Matched) {
		matched = append(matched, s.Name+" → "+s.Target)
	}
	slices.Sort(matched)
	if want := []string{"Rule → Function", "second/Rule → second/Function", "third/Rule → third/Function"}; !slices.Equal(matched, want) {
		t.Errorf("matched %q, want %q", matched, want)
	}
}

// TestStackImportsWhatOneBeforeItExports.
func TestStackImportsWhatOneBeforeItExports(t *testing.T) {
	t.Parallel()
	importing := strings.Replace(consumer, "!Ref EventBusName", "!ImportValue the-bus", 1)
	r, err := tryOpen(t, "Outputs: {Bus: {Value: !Ref Bus, Export: {Name: the-bus}}}\n", &emulator.Options{
		More: []string{beside(t, filepath.Join(t.TempDir(), "alerts"), importing)},
	})
	if err != nil {
		t.Fatal(err)
	}
	r.put("a", `{"id":"evt_1"}`)
	r.wait(r.WaitIdle)
	r.waitLog("alerts/Function: alerts hello got {")
}

// TestMistakeInATemplateIsAnError that names its file, its line and what to write instead.
func TestMistakeInATemplateIsAnError(t *testing.T) {
	t.Parallel()
	queue := "Resources:\n  Named: {Type: AWS::SQS::Queue, Properties: {QueueName: alerts}}\n"
	for name, tt := range map[string]struct {
		more []string // the texts of further templates
		opts emulator.Options
		want []string
	}{
		"a bus that no template creates": {
			[]string{consumer}, emulator.Options{Parameters: map[string]string{"EventBusName": "orders"}},
			[]string{"more0/template.yaml:11: Rule (AWS::Events::Rule): no template creates the bus \"orders\"", `the buses are "bus", "default"`},
		},
		"a parameter that no template declares": {
			[]string{consumer}, emulator.Options{Parameters: map[string]string{"Greetings": "hi"}},
			[]string{`no template has a parameter "Greetings"`, "template.yaml has none", "more0/template.yaml has EventBusName, Greeting"},
		},
		"a name that another stack has": {
			[]string{queue, queue}, emulator.Options{},
			[]string{`more1/template.yaml:4: Named (AWS::SQS::Queue): the name "alerts" is taken by Named in `, "more0/template.yaml:4"},
		},
		"an export that no template has": {
			[]string{strings.Replace(consumer, "!Ref EventBusName", "!ImportValue the-bus", 1)}, emulator.Options{},
			[]string{`more0/template.yaml:13: Resource Rule: Fn::ImportValue: no template before this one exports "the-bus"`, "use a parameter"},
		},
		"a stack name that CloudFormation refuses": {nil, emulator.Options{StackName: "my_stack"}, []string{`"my_stack"`, "letters, digits and hyphens"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			for i, text := range tt.more {
				tt.opts.More = append(tt.opts.More, beside(t, filepath.Join(folder, fmt.Sprint("more", i)), text))
			}
			_, err := tryOpen(t, "", &tt.opts)
			for _, want := range tt.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("Open = %v, want an error with %s", err, want)
				}
			}
		})
	}
}

// TestStackIsNamedAfterItsFolderOrFile, in which characters that a name cannot have become hyphens.
// Two stacks of one name are an error, which shows the name.
func TestStackIsNamedAfterItsFolderOrFile(t *testing.T) {
	t.Parallel()
	for want, files := range map[string][2]string{
		`are both stack "alerts"`:            {"alerts/template.yaml", "billing/alerts.yml"},
		`are both stack "Alerts"`:            {"alerts/template.yaml", "Alerts/template.yml"},
		`are both stack "usage-not-billed"`:  {"usage_not billed!/template.json", "x/usage.not.billed.yaml"},
		"1st/template.yaml: its folder or":   {"alerts/template.yaml", "1st/template.yaml"},
		"größe/template.yaml are both stack": {"größe/template.yaml", "x/größe/template.yaml"},
	} {
		folder := t.TempDir()
		var more []string
		for _, file := range files {
			file = filepath.Join(folder, file)
			if err := os.Rename(beside(t, filepath.Dir(file), "Resources: {}\n"), file); err != nil {
				t.Fatal(err)
			}
			more = append(more, file)
		}
		if _, err := tryOpen(t, "", &emulator.Options{More: more}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: Open = %v, want an error with %s", files, err, want)
		}
	}
}

// TestRouteOfTwoStacksIsServedOnce, by the first, with a warning: each has its own address on AWS.
func TestRouteOfTwoStacksIsServedOnce(t *testing.T) {
	t.Parallel()
	function := `
  Front:
    Type: AWS::Serverless::Function
    Properties:
      Environment: {Variables: {ANSWER: '{"statusCode":202}'}}
      Events: {Route: {Type: HttpApi, Properties: {Method: post, Path: /in}}}
`
	r, err := tryOpen(t, function, &emulator.Options{
		More: []string{beside(t, filepath.Join(t.TempDir(), "alerts"), "Resources:"+strings.ReplaceAll(function, "202", "500"))},
	})
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.Post(r.URL()+"/in", "text/plain", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusAccepted {
		t.Errorf("answered %d, want 202 by the first stack", response.StatusCode)
	}
	if got := r.Text(activity.Warned); !strings.Contains(got, "route POST /in of alerts/Front is not served") || !strings.Contains(got, "Front has the same") {
		t.Errorf("warnings %q, want one of the route", got)
	}
}

package sam_test

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
)

var update = flag.Bool("update", false, "rewrite testdata/everything.json")

func parse(t *testing.T, src string, opts *sam.Options) *sam.Template {
	t.Helper()
	tpl, err := sam.Parse([]byte(src), opts)
	if err != nil {
		t.Fatalf("Parse: %v", err)
	}
	return tpl
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func wantError(t *testing.T, err error, want *sam.Error) {
	t.Helper()
	var got *sam.Error
	if !errors.As(err, &got) {
		t.Fatalf("Parse = %v, want a *sam.Error", err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
}

const queue = "Resources:\n  Queue: {Type: AWS::SQS::Queue}\n"

type errorTest struct {
	src  string
	want sam.Error // without File
}

// wantErrors checks that each template is refused with the wanted error.
func wantErrors(t *testing.T, tests map[string]errorTest) {
	t.Helper()
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := sam.Parse([]byte(test.src), &sam.Options{File: "f.yaml"})
			test.want.File = "f.yaml"
			wantError(t, err, &test.want)
		})
	}
}

func TestTemplateResolvesToTheGoldenFile(t *testing.T) {
	t.Parallel()
	tpl := parse(t, readFile(t, "testdata/everything.yaml"), &sam.Options{StackName: "meter", Endpoint: "http://127.0.0.1:4566/"})
	got, err := json.MarshalIndent(tpl, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("testdata/everything.json", append(got, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(readFile(t, "testdata/everything.json"), string(got)+"\n"); diff != "" {
		t.Errorf("resolved template differs from testdata/everything.json (-want +got); go test -update rewrites it:\n%s", diff)
	}
}

func TestParametersSelectBranches(t *testing.T) {
	t.Parallel()
	tpl := parse(t, strings.Replace(readFile(t, "testdata/everything.yaml"), "!ImportValue other-bus", "!GetAtt Bus.Arn", 1),
		&sam.Options{Parameters: map[string]string{"Stage": "prod", "AlarmEmail": "ops@example.com", "Concurrency": "7"}})
	if _, ok := tpl.Resource("Subscription"); !ok {
		t.Error("Subscription is left out although its condition is true")
	}
	webhook, _ := tpl.Resource("Webhook")
	if got := webhook.Properties["ReservedConcurrentExecutions"]; got != 7 {
		t.Errorf("ReservedConcurrentExecutions = %v (%[1]T), want 7", got)
	}
	rule, _ := tpl.Resource("Rule")
	if got := len(rule.Properties["Targets"].([]any)); got != 2 {
		t.Errorf("Rule has %d targets, want 2", got)
	}
	alarm, _ := tpl.Resource("Alarm")
	if want := []string{"Subscription", "Topic"}; !slices.Equal(alarm.DependsOn, want) {
		t.Errorf("Alarm.DependsOn = %q, want %q", alarm.DependsOn, want)
	}
	last := tpl.Outputs[len(tpl.Outputs)-1]
	if want := (sam.Output{Name: "OnlyInProd", Value: "7"}); last != want {
		t.Errorf("last output = %+v, want %+v", last, want)
	}
}

func TestFaultsOfAllResourcesAndOutputsAreReported(t *testing.T) {
	t.Parallel()
	_, err := sam.Parse([]byte(`Resources:
  FetchRule:
    Type: AWS::Events::Rule
    Properties:
      EventBusName: !Ref Nowhere
  Queue:
    Type: AWS::SQS::Queue
    Properties:
      RedrivePolicy:
        deadLetterTargetArn: !GetAtt Dead.Arn
Outputs:
  Url: {Value: !Ref Nothing}
`), nil)
	want := `template.yaml:5: Resource FetchRule: the template has no parameter or resource "Nowhere"
template.yaml:10: Resource Queue: the template has no parameter or resource "Dead"
template.yaml:12: Output Url: the template has no parameter or resource "Nothing"`
	if err == nil || err.Error() != want {
		t.Errorf("Parse:\n%v\nwant:\n%s", err, want)
	}
}

func FuzzParse(f *testing.F) {
	if seeds, err := os.ReadDir("testdata/fuzz/FuzzParse"); err != nil || len(seeds) == 0 {
		f.Fatalf("no seeds in testdata/fuzz/FuzzParse: %v", err)
	}
	everything, err := os.ReadFile("testdata/everything.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(everything)
	f.Fuzz(func(t *testing.T, src []byte) {
		tpl, err := sam.Parse(src, nil)
		if err != nil {
			if want := (*sam.Error)(nil); tpl != nil || !errors.As(err, &want) {
				t.Fatalf("Parse = %v, %v, want nil and a *sam.Error", tpl, err)
			}
			return
		}
		for _, r := range tpl.Resources {
			found, ok := tpl.Resource(r.LogicalID)
			if !ok || r.Properties == nil || r.Type == "" || r.Line == 0 || !cmp.Equal(found, r) {
				t.Fatalf("resource %+v is incomplete or not found again: %+v", r, found)
			}
		}
	})
}

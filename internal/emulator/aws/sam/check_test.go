package sam_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
)

// TestEveryMistakeIsReportedOnItsLine: each mistake in testdata/mistakes.yaml is followed by a
// comment with the error.
func TestEveryMistakeIsReportedOnItsLine(t *testing.T) {
	t.Parallel()
	src := readFile(t, "testdata/mistakes.yaml")
	var want []string
	line := 0
	for text := range strings.Lines(src) {
		line++
		if _, comment, ok := strings.Cut(text, "# error: "); ok {
			want = append(want, fmt.Sprintf("mistakes.yaml:%d: %s", line, strings.TrimSpace(comment)))
		}
	}
	_, err := sam.Parse([]byte(src), &sam.Options{File: "mistakes.yaml"})
	if err == nil {
		t.Fatal("Parse accepts the template")
	}
	if diff := cmp.Diff(want, strings.Split(err.Error(), "\n")); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
	if !errors.Is(err, sam.ErrSchema) {
		t.Error("the error is not ErrSchema")
	}
}

// TestReferenceThatIsMisspeltNamesWhatWasMeant, whatever refers.
func TestReferenceThatIsMisspeltNamesWhatWasMeant(t *testing.T) {
	t.Parallel()
	const head = "Parameters:\n  Stage: {Type: String, Default: x}\nMappings:\n  Sizes: {small: {memory: 128}}\nConditions:\n  IsProd: !Equals [a, b]\n" +
		"Resources:\n  FetchQueue: {Type: AWS::SQS::Queue}\n  Q:\n    Type: AWS::SQS::Queue\n"
	for text, want := range map[string]string{
		"    Properties: {QueueName: !Ref Satge}":                          `no parameter or resource "Satge": did you mean Stage?`,
		"    Properties: {QueueName: !GetAtt FetchQeue.QueueName}":         `no parameter or resource "FetchQeue": did you mean FetchQueue?`,
		"    Properties: {QueueName: !Sub 'a-${stage}'}":                   `no parameter or resource "stage": did you mean Stage?`,
		"    Properties: {QueueName: !Ref AWS::Regoin}":                    "AWS::Regoin is not a pseudo parameter: did you mean AWS::Region?",
		"    Properties: {QueueName: !ref Stage}":                          "Fn::ref is not supported: did you mean !Ref?",
		"    Properties: {DelaySeconds: !FindInMap [Sizes, smal, memory]}": `Mappings.Sizes has no key "smal": did you mean small?`,
		"    Properties: {QueueName: !If [isprod, a, b]}":                  `no condition "isprod": did you mean IsProd?`,
		"    DependsOn: FetchQueues":                                       `no resource "FetchQueues": did you mean FetchQueue?`,
	} {
		_, err := sam.Parse([]byte(head+text+"\n"), nil)
		if err == nil || !strings.Contains(err.Error(), "template.yaml:11: ") || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%s: %v, want template.yaml:11 and %s", text, err, want)
		}
	}
	_, err := sam.Parse([]byte("Parameters:\n  P: {Type: Strng, Default: x}\nResources: {}\n"), nil)
	if want := `template.yaml:2: Parameter P: unknown parameter type "Strng": did you mean String?`; err == nil || err.Error() != want {
		t.Errorf("a misspelt type of a parameter: %v, want %s", err, want)
	}
}

// TestLenientTemplatesAreResolved with a warning for each mistake.
func TestLenientTemplatesAreResolved(t *testing.T) {
	t.Parallel()
	tpl := parse(t, "Resources:\n  Q:\n    Type: AWS::SQS::Queue\n    Properties: {Newest: 1, QueueName: q}\n  N: {Type: AWS::New::Thing}\n", &sam.Options{Lenient: true})
	q, _ := tpl.Resource("Q")
	n, _ := tpl.Resource("N")
	if q.Name != "q" || q.Properties["Newest"] != 1 || n.Type != "AWS::New::Thing" {
		t.Errorf("resolved to %+v and %+v", q, n)
	}
	if len(tpl.Warnings) != 2 || !strings.HasPrefix(tpl.Warnings[0], `template.yaml:4: Q (AWS::SQS::Queue): no property "Newest"; there are `) ||
		!strings.HasPrefix(tpl.Warnings[1], `template.yaml:5: N: no resource type "AWS::New::Thing"`) {
		t.Errorf("warnings %q, want one for Newest and one for AWS::New::Thing", tpl.Warnings)
	}
	if _, err := time.Parse(time.DateOnly, sam.SchemaDate()); err != nil {
		t.Errorf("SchemaDate: %v", err)
	}
}

// TestValidTemplatesPass: the templates in testdata/valid have forms that are easily mistaken for
// mistakes.
func TestValidTemplatesPass(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/valid/*")
	if err != nil || len(files) < 8 {
		t.Fatalf("templates %q, %v; want at least 8", files, err)
	}
	for _, file := range files {
		tpl, err := sam.Parse([]byte(readFile(t, file)), &sam.Options{File: file, Parameters: given[filepath.Base(file)]})
		if err != nil {
			t.Errorf("Parse:\n%v", err)
			continue
		}
		if macro := strings.Contains(file, "macros"); macro != (len(tpl.Warnings) == 1) || len(tpl.Warnings) > 1 {
			t.Errorf("%s: warnings %q, want one only after a macro", file, tpl.Warnings)
		}
	}
}

var given = map[string]map[string]string{"globals.yaml": {"Memory": "256"}}

// TestFaultsAreBounded: a template can have any number of mistakes, of any size.
func TestFaultsAreBounded(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("Resources:\n  Q:\n    Type: AWS::SQS::Queue\n    Properties:\n")
	for i := range 3000 {
		fmt.Fprintf(&b, "      VisibilityTimeout%d: %s\n", i, strings.Repeat("x", 100))
	}
	_, err := sam.Parse([]byte(b.String()), nil)
	if err == nil {
		t.Fatal("Parse accepts the template")
	}
	lines := strings.Split(err.Error(), "\n")
	if want := "template.yaml: there are more faults than these"; len(lines) != 101 || lines[100] != want {
		t.Errorf("%d errors, the last %q, want 101 and %q", len(lines), lines[len(lines)-1], want)
	}
	_, err = sam.Parse([]byte("Resources:\n  Q:\n    Type: "+strings.Repeat("AWS::SQS::Queue", 1000)+"\n    Properties: {DelaySeconds: "+strings.Repeat("9", 10000)+"x}\n"), nil)
	if err == nil || len(err.Error()) > 500 {
		t.Errorf("an error of %d bytes for a long name, want a short one", len(fmt.Sprint(err)))
	}
}

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
	if want := "template.yaml: and 2900 more faults"; len(lines) != 101 || lines[100] != want {
		t.Errorf("%d errors, the last %q, want 101 and %q", len(lines), lines[len(lines)-1], want)
	}
	_, err = sam.Parse([]byte("Resources:\n  Q:\n    Type: "+strings.Repeat("AWS::SQS::Queue", 1000)+"\n    Properties: {DelaySeconds: "+strings.Repeat("9", 10000)+"x}\n"), nil)
	if err == nil || len(err.Error()) > 500 {
		t.Errorf("an error of %d bytes for a long name, want a short one", len(fmt.Sprint(err)))
	}
}

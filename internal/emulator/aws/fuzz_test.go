package aws

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam/schema"
)

// FuzzTemplate reads whole templates, checks them and adds their resources to the services, without
// starting anything. Nothing panics, hangs or needs much memory; every error has the name of the
// file; and what a strict reading accepts, a lenient one accepts without warnings.
func FuzzTemplate(f *testing.F) {
	if seeds, err := os.ReadDir("testdata/fuzz/FuzzTemplate"); err != nil || len(seeds) == 0 {
		f.Fatalf("no seeds in testdata/fuzz/FuzzTemplate: %v", err)
	}
	for _, pattern := range []string{"sam/testdata/valid/*", "sam/testdata/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			f.Fatalf("no templates in %s: %v", pattern, err)
		}
		for _, file := range files {
			source, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(source)
		}
	}
	file := filepath.Join(f.TempDir(), "template.yaml")
	var l listeners
	if err := l.listen("127.0.0.1:0"); err != nil {
		f.Fatal(err)
	}
	f.Cleanup(l.close)
	f.Fuzz(func(t *testing.T, source []byte) {
		if err := os.WriteFile(file, source, 0o600); err != nil {
			t.Fatal(err)
		}
		read := func(lenient bool) (warnings []string, err error) {
			if parsed, err := sam.Parse(source, &sam.Options{File: file, Lenient: lenient}); err == nil {
				warnings = parsed.Warnings
			}
			s := &Stack{options: Options{Template: file, Lenient: lenient, BuildDir: filepath.Dir(file)}, listeners: l}
			g := s.addServices()
			defer g.functions.Close()
			return warnings, s.addResources(g)
		}
		strictWarnings, strictErr := read(false)
		lenientWarnings, lenientErr := read(true)
		for _, err := range []error{strictErr, lenientErr} {
			if err != nil && !strings.HasPrefix(err.Error(), file+":") {
				t.Fatalf("an error without the file's name: %v", err)
			}
		}
		switch {
		case strictErr == nil && lenientErr != nil:
			t.Fatalf("accepted, but refused leniently: %v", lenientErr)
		case errors.Is(lenientErr, sam.ErrSchema):
			t.Fatalf("a lenient reading reports a difference from AWS's schemas: %v", lenientErr)
		case strictErr == nil && len(lenientWarnings) != len(strictWarnings):
			t.Fatalf("accepted, but with warnings: %q", lenientWarnings)
		}
	})
}

// TestHostileTemplatesAreRead: however large or deep a template is, reading it ends with an error or
// without, and does not need much time or memory.
func TestHostileTemplatesAreRead(t *testing.T) {
	t.Parallel()
	const head = "Transform: AWS::Serverless-2016-10-31\nConditions: {C: !Equals [a, a]}\nResources:\n"
	const queue = head + "  Q:\n    Type: AWS::SQS::Queue\n    Properties:\n"
	const function = head + "  F:\n    Type: AWS::Serverless::Function\n    Properties:\n"
	rule := func(pattern string) string {
		return head + "  R: {Type: AWS::Events::Rule, Properties: {EventPattern: " + pattern + "}}\n"
	}
	nested := func(n int, open, inner, end string) string {
		return strings.Repeat(open, n) + inner + strings.Repeat(end, n)
	}
	numbered := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format+"\n", i)
		}
		return b.String()
	}
	aliases := "a: &a0 [x, x]\n"
	for i := range 30 {
		aliases += fmt.Sprintf("a%d: &a%d [*a%d, *a%d]\n", i+1, i+1, i, i)
	}
	for name, tt := range map[string]struct{ source, want string }{
		"large":             {strings.Repeat("#\n", 1<<20), "larger than"},
		"aliases":           {aliases + queue + "      Tags: *a30\n", "aliases expanded"},
		"nested lists":      {queue + "      Tags: " + nested(9000, "[", "", "]"), "must be a map, not a list"},
		"nested conditions": {queue + "      DelaySeconds: " + nested(9000, "!If [C, ", "x", ", y]"), `must be an integer, not "x"`},
		"nested patterns":   {rule(nested(9000, "{deep: ", "[x]", "}")), `no member of an event "deep"`},
		"deep pattern":      {rule("{detail: " + nested(9000, "{a: ", "[x]", "}") + "}"), ""},
		"deep text":         {rule(`'{"detail": ` + nested(9990, `{"a": `, "[1]", "}") + "}'"), ""},
		"deeper text":       {rule(`'{"detail": ` + nested(20000, `{"a": `, "[1]", "}") + "}'"), "exceeded max depth"},
		"many $or":          {rule("{detail: " + nested(40, "{$or: [{a: [1]}, {b: [2]}], c: ", "[1]", "}") + "}"), "more than 1000 combinations"},
		"many events":       {function + "      CodeUri: .\n      Runtime: provided.al2023\n      Events:\n" + numbered(30000, "        E%d: {Type: HttpApi}"), "more than 500 resources"},
		"many properties":   {queue + numbered(30000, "      Visibility%d: 1"), "more faults than these"},
		"many policies":     {function + "      Policies:\n" + numbered(30000, "      - SQSPolicy%d: {}"), "more faults than these"},
		"many types":        {head + numbered(499, "  Q%d: {Type: AWS::SQS::Queues}"), "more faults than these"},
		"many resources":    {head + numbered(501, "  Q%d: {Type: AWS::SQS::Queue}"), "more than 500 members"},
		"long type":         {head + "  Q: {Type: " + strings.Repeat("x", 900_000) + "}\n", "no resource type"},
		"long schedule":     {head + "  S: {Type: AWS::Scheduler::Schedule, Properties: {ScheduleExpression: 'cron(" + strings.Repeat("0/1,", 100_000) + "60 0 * * ? *)', Target: {Arn: x}}}\n", "60 is not between 0 and 59"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "template.yaml")
			if err := os.WriteFile(file, []byte(tt.source), 0o600); err != nil {
				t.Fatal(err)
			}
			var l listeners
			if err := l.listen("127.0.0.1:0"); err != nil {
				t.Fatal(err)
			}
			defer l.close()
			s := &Stack{options: Options{Template: file}, listeners: l}
			g := s.addServices()
			defer g.functions.Close()
			err := s.addResources(g)
			if (err != nil) != (tt.want != "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%.300v, want an error with %q", err, tt.want)
			}
			if err != nil && len(err.Error()) > 100_000 {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
		})
	}
}

// TestTypesThatAreRunAreChecked: the table has the properties of every type that is run, and of
// those that are left out by name.
func TestTypesThatAreRunAreChecked(t *testing.T) {
	t.Parallel()
	known := schema.Load().Resources
	for _, resourceType := range append(append([]string{"AWS::Lambda::EventSourceMapping"}, named...), passive...) {
		if known[resourceType] == nil && !strings.HasSuffix(resourceType, "::") {
			t.Errorf("%s is not in the table: see detailed in sam/schema/generate/table.go", resourceType)
		}
	}
}

package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
)

func operations(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile("operations.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

// Every alarm of the template says what to look at and what to type, in the template's order.
func TestEveryAlarmHasItsSection(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := sam.Parse(source, &sam.Options{Parameters: map[string]string{"SilenceAlarmHours": "1"}})
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, resource := range parsed.Resources {
		if resource.Type == "AWS::CloudWatch::Alarm" {
			want = append(want, resource.LogicalID)
		}
	}
	for i, section := range strings.Split(operations(t), "\n### ") {
		if i == 0 {
			continue
		}
		section, _, _ = strings.Cut(section, "\n## ")
		alarm, text, _ := strings.Cut(section, "\n")
		got = append(got, alarm)
		if !strings.Contains(text, "\nLook: ") && !strings.Contains(text, ". Look: ") || !strings.Contains(text, "Type") {
			t.Errorf("the section of %s does not say what to look at and what to type", alarm)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("alarms of the template (-) and sections (+):\n%s", diff)
	}
}

var metricName = regexp.MustCompile(`Metric = "(\w+)"`)

// quiet are metrics that need no word, because nothing can be wrong with them alone.
var quiet = []string{"Emitted", "Listed"}

// Every metric that the functions write is explained.
func TestEveryMetricIsExplained(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("../internal/telemetry/metrics.go")
	if err != nil {
		t.Fatal(err)
	}
	page := operations(t)
	names := metricName.FindAllStringSubmatch(string(source), -1)
	if len(names) < 15 {
		t.Errorf("found %d metrics, fewer than there are", len(names))
	}
	for _, name := range names {
		inText := strings.Contains(page, "`"+name[1]+"`") || strings.Contains(page, "### "+name[1])
		if !inText && !slices.Contains(quiet, name[1]) {
			t.Errorf("operations.md does not explain %s", name[1])
		}
	}
}

// Every test that operations.md names is there.
func TestTestsNamedInOperationsExist(t *testing.T) {
	t.Parallel()
	named := testName.FindAllStringSubmatch(operations(t), -1)
	if len(named) < 10 {
		t.Errorf("operations.md names %d tests, fewer than its table needs", len(named))
	}
	for _, name := range named {
		if !tests(t, name[1])[name[2]] {
			t.Errorf("operations.md names %s.%s, which does not exist", name[1], name[2])
		}
	}
}

var testFunc = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)

// tests returns the names of the tests of a package of the service.
func tests(t *testing.T, name string) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	for _, layer := range []string{"functions", "internal"} {
		paths, err := filepath.Glob(filepath.Join("..", layer, name, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			source, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for _, match := range testFunc.FindAllStringSubmatch(string(source), -1) {
				found[match[1]] = true
			}
		}
	}
	return found
}

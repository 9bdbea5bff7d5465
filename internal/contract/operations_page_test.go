package contract_test

import (
	"go/parser"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Every alarm of the template has a section, in the template's order, that says what to look at and what
// to type.
func TestEveryAlarmHasARunbookSection(t *testing.T) {
	t.Parallel()
	var want, got []string
	for _, r := range readTemplate(t, map[string]string{"SilenceAlarmHours": "1"}).Resources {
		if r.Type == "AWS::CloudWatch::Alarm" {
			want = append(want, r.LogicalID)
		}
	}
	for _, section := range strings.Split(read(t, "docs/operations.md"), "\n### ")[1:] {
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

// unexplained are metrics that need no explanation, because none of their values is a fault by itself.
var unexplained = []string{"Emitted", "Listed"}

// Every metric that the functions write is explained.
func TestEveryMetricIsExplained(t *testing.T) {
	t.Parallel()
	page := read(t, "docs/operations.md")
	files := goFiles(t, parser.SkipObjectResolution)
	for _, name := range slices.Sorted(maps.Values(metricNames(t, files["internal/telemetry/metrics.go"]))) {
		inText := strings.Contains(page, "`"+name+"`") || strings.Contains(page, "### "+name)
		if !inText && !slices.Contains(unexplained, name) {
			t.Errorf("operations.md does not explain %s", name)
		}
	}
}
